import { createHash } from 'node:crypto';
import { constants, openAsBlob } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { SluiceApiError } from '../errors.ts';
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
 * fails where it was changed since. Throws `FILE_UNREADABLE` where it cannot be read at all.
 */
export async function openFile(path: string): Promise<File> {
  try {
    await access(path, constants.R_OK);
    if ((await stat(path)).isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
    return new File([await openAsBlob(path)], basename(path));
  } catch (cause) {
    throw new SluiceApiError('FILE_UNREADABLE', `Cannot read ${path}: ${reasonOf(cause)}.`, { cause });
  }
}

function reasonOf(fault: unknown): string {
  if (!(fault instanceof Error)) return String(fault);
  switch ('code' in fault ? fault.code : null) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EACCES':
      return 'this user may not';
    case 'EISDIR':
      return 'it is a folder';
    default:
      return fault.message;
  }
}
