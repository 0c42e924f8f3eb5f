import type { Part, PartList } from '../../core/ports.ts';
import { rethrow, type StoreContext } from './context.ts';

/** A part as `commit.lua` takes it: the field in the hash, and its value. */
export function encodePart({ index, number, bytes, etag }: Part): [string, string] {
  return [String(index), `${number} ${bytes} ${etag}`];
}

function decodePart([index, value]: [string, string]): Part {
  const [number, bytes, ...etag] = value.split(' ');
  return { index: Number(index), number: Number(number), bytes: Number(bytes), etag: etag.join(' ') };
}

export function createPartList({ redis, keys }: StoreContext): PartList {
  return {
    async parts(sessionId) {
      const stored = await redis.hgetall(keys.parts(sessionId)).catch(rethrow);
      return Object.entries(stored)
        .map(decodePart)
        .sort((a, b) => a.index - b.index);
    },
  };
}
