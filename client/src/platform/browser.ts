import { DefaultHttpStack } from 'tus-js-client';
import { hashBlob } from '../hash/hash-blob.ts';
import { hashInWorker } from '../hash/hash-in-worker.ts';
import { createSha256 } from '../hash/sha256.ts';
import type { Platform } from './platform.ts';

export function createBrowserPlatform(): Platform {
  return {
    // XMLHttpRequest: the only way in a browser to see bytes going out.
    httpStack: new DefaultHttpStack({}),
    sha256: async (file, onProgress, signal) => {
      const digest = await hashInWorker(file, onProgress, signal);
      return digest ?? hashBlob(file, createSha256(), onProgress, signal);
    },
    online: () => navigator.onLine !== false,
    whenOnline,
    claim,
  };
}

function whenOnline(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const over = () => {
      globalThis.removeEventListener('online', over);
      signal.removeEventListener('abort', over);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    globalThis.addEventListener('online', over);
    signal.addEventListener('abort', over);
  });
}

/** By the Web Locks API; without it (no secure context) tabs do not know of each other. */
async function claim(name: string): Promise<(() => void) | null> {
  const locks: LockManager | undefined = navigator.locks;
  if (locks === undefined) return () => {};
  return new Promise((resolve, reject) => {
    locks
      .request(name, { ifAvailable: true }, (lock) => {
        if (lock === null) return resolve(null);
        return new Promise<void>((release) => resolve(() => release()));
      })
      .catch(reject);
  });
}
