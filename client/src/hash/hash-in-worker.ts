import type { HashMessage } from './sha256-worker.ts';

/**
 * The digest, computed in a worker, or null where workers cannot be had (no such API, or the page's policy or
 * bundler does not let the script load). Aborting ends the worker.
 */
export function hashInWorker(
  file: Blob,
  onProgress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<string | null> {
  const worker = startWorker();
  if (worker === null) return Promise.resolve(null);
  return new Promise<string | null>((resolve, reject) => {
    signal.throwIfAborted();
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    worker.onerror = (event) => {
      event.preventDefault();
      resolve(null);
    };
    worker.onmessage = ({ data }: MessageEvent<HashMessage>) => {
      if ('bytes' in data) onProgress(data.bytes);
      else if ('digest' in data) resolve(data.digest);
      else reject(new DOMException(data.error.message, data.error.name));
    };
    worker.postMessage(file);
  }).finally(() => worker.terminate());
}

function startWorker(): Worker | null {
  if (typeof Worker === 'undefined') return null;
  try {
    // Written out in one expression, so that bundlers find the script and bring it along.
    return new Worker(new URL('./sha256-worker.js', import.meta.url), { type: 'module' });
  } catch {
    return null;
  }
}
