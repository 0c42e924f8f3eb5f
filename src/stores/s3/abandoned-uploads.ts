import type { AbandonedUploads } from '../../core/ports.ts';
import type { Keys } from './keys.ts';
import type { Multipart } from './multipart.ts';
import type { Objects } from './objects.ts';

/**
 * Unfinished uploads cost money and are in nobody's sight; rules of the bucket against them are dropped silently
 * by some servers. A session's own are removed when it ends; this finds those that no session knows of, because
 * their writer died right after it made them. Only what has the form of our keys is touched.
 */
export function createAbandonedUploads(deps: {
  readonly multipart: Multipart;
  readonly objects: Objects;
  readonly keys: Keys;
}): AbandonedUploads {
  const { multipart, objects, keys } = deps;

  return {
    async sweepAbandoned({ olderThanMs, isLive, signal }) {
      const before = Date.now() - olderThanMs;
      let removed = 0;
      let unfinished = 0;

      async function isAbandoned(key: string, madeAt: number): Promise<boolean> {
        const sessionId = keys.sessionOf(key);
        if (sessionId === null) return false;
        unfinished += 1;
        return madeAt < before && !(await isLive(sessionId));
      }

      for await (const upload of multipart.open(keys.files)) {
        if (signal?.aborted) break;
        if (!(await isAbandoned(upload.key, upload.initiatedAt))) continue;
        await multipart.abort(upload);
        removed += 1;
      }
      for await (const { key, changedAt } of objects.list(keys.partials)) {
        if (signal?.aborted) break;
        if (!(await isAbandoned(key, changedAt))) continue;
        await objects.remove([key]);
        removed += 1;
      }
      return { removed, unfinished };
    },
  };
}
