/**
 * The thread that hashes: see `threaded-digests.ts`, whose `Message` and `Reply` are what is sent here and back.
 * JavaScript, and nothing imported but Node: where compiled code is not kept, stripping types takes this thread 18 MB.
 */
import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

/** By the number that the other side gave each. */
const hashes = new Map();

function update(id, pieces) {
  let hash = hashes.get(id);
  if (!hash) {
    hash = createHash('sha256');
    hashes.set(id, hash);
  }
  for (const piece of pieces) {
    hash.update(new Uint8Array(piece));
    // Frees it now, and not when the collector comes by: it sees small objects, not what they hold.
    piece.transfer(0);
  }
}

parentPort.on('message', ({ kind, id, pieces }) => {
  if (kind === 'update') {
    update(id, pieces);
    parentPort.postMessage(null);
    return;
  }
  const hash = hashes.get(id) ?? createHash('sha256');
  hashes.delete(id);
  if (kind === 'digest') parentPort.postMessage(hash.digest('hex'));
});
