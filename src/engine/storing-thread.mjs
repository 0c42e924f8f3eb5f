/**
 * The thread that writes batches of large files and hashes them, while they are in its core's cache: see
 * `threaded-digests.ts`, whose `Message` and `Reply` are what is sent here and back. It may block as long as the disk takes.
 * JavaScript, and nothing imported but Node: where compiled code is not kept, stripping types takes this thread 18 MB.
 */
import { createHash } from 'node:crypto';
import { writevSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';

/** By the number that the other side gave each. */
const hashes = new Map();

/** Null where all is written; a disk that fills up takes the first part and fails the next. */
function write({ descriptor, position }, views) {
  let written = 0;
  try {
    for (let rest = views; rest.length > 0; rest = without(views, written)) {
      const bytes = writevSync(descriptor, rest, position + written);
      if (bytes === 0) throw new Error('the file takes no more bytes');
      written += bytes;
    }
    return null;
  } catch ({ message, code }) {
    return { written, message, code };
  }
}

function without(views, bytes) {
  let left = bytes;
  for (const [index, view] of views.entries()) {
    if (left < view.length) return [view.subarray(left), ...views.slice(index + 1)];
    left -= view.length;
  }
  return [];
}

function update(id, pieces, file) {
  let hash = hashes.get(id);
  if (!hash) {
    hash = createHash('sha256');
    hashes.set(id, hash);
  }
  const views = pieces.map((piece) => new Uint8Array(piece));
  const fault = file ? write(file, views) : null;
  if (fault === null) for (const view of views) hash.update(view);
  // Frees them now, and not when the collector comes by: it sees small objects, not what they hold.
  for (const piece of pieces) piece.transfer(0);
  return fault;
}

parentPort.on('message', ({ kind, id, pieces, file }) => {
  if (kind === 'update') {
    parentPort.postMessage(update(id, pieces, file));
    return;
  }
  const hash = hashes.get(id) ?? createHash('sha256');
  hashes.delete(id);
  if (kind === 'digest') parentPort.postMessage(hash.digest('hex'));
});
