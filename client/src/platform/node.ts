import { createHash } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { hashBlob } from '../hash/hash-blob.ts';
import { createNodeHttpStack } from './node-http-stack.ts';
import type { Platform } from './platform.ts';

export const nodePlatform: Platform = {
  httpStack: createNodeHttpStack(),
  sha256: (file, onProgress, signal) => {
    const hash = createHash('sha256');
    const running = { update: (bytes: Uint8Array) => void hash.update(bytes), hex: () => hash.digest('hex') };
    return hashBlob(file, running, onProgress, signal);
  },
  online: () => true,
  whenOnline: () => Promise.resolve(),
  // Processes do not know of each other; the service lets the newest writer win.
  claim: () => Promise.resolve(() => {}),
};

/**
 * A file of this machine, as the browser would give it. It is read when it is sent, piece by piece; reading
 * fails where it was changed since.
 */
export async function openFile(path: string): Promise<File> {
  return new File([await openAsBlob(path)], basename(path));
}
