import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const SAMPLE = readFileSync(new URL('../fixtures/sample.mp4', import.meta.url));
const BLOCK = 1024 * 1024;

/**
 * A real MP4 of any size from the sample's up: the sample, and behind it a `free` box (ISO/IEC 14496-12,
 * section 8.1.2), which players pass over. Its filling differs in every place and for every `seed`, so that
 * no byte can be lost, doubled or moved without the digest telling.
 */
export function* videoChunks(size: number, seed: number): Generator<Buffer> {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(size - SAMPLE.length);
  header.write('free', 4, 'latin1');
  yield Buffer.concat([SAMPLE, header]);

  const random = createRandom(seed);
  const filling = Buffer.alloc(BLOCK);
  for (let at = 0; at < BLOCK; at += 4) filling.writeUInt32LE(Math.floor(random() * 2 ** 32), at);
  let left = size - SAMPLE.length - header.length;
  for (let block = 0; left > 0; block += 1) {
    const chunk = Buffer.from(filling.subarray(0, Math.min(BLOCK, left)));
    for (let at = 0; at + 8 <= chunk.length; at += 4096) chunk.writeDoubleLE(block * BLOCK + at, at);
    left -= chunk.length;
    yield chunk;
  }
}

export function videoOf(size: number, seed: number): Buffer {
  return Buffer.concat([...videoChunks(size, seed)]);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
