import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AbandonedUploads } from '../../core/ports.ts';
import { ifPresent, withStorageFaults } from './faults.ts';
import { namesIn, remove } from './files.ts';
import { type DiskPaths, sessionOfPartial, sessionOfStaged } from './paths.ts';

/**
 * A session that ends takes its partial files along. This finds those of sessions that were lost with the store
 * that kept them: nobody else would ever ask for them. Finished files are not touched, nor anything whose name
 * is not one of ours. Processes that share the folder may look at the same time.
 */
export function createAbandonedFiles(paths: DiskPaths): AbandonedUploads {
  const places = [
    { folder: paths.tempFolder, sessionOf: sessionOfPartial },
    { folder: paths.incomingFolder, sessionOf: sessionOfStaged },
  ];

  return {
    sweepAbandoned: async ({ olderThanMs, isLive, signal }) => {
      const before = Date.now() - olderThanMs;
      let removed = 0;
      let unfinished = 0;
      for (const { folder, sessionOf } of places) {
        for (const name of await withStorageFaults(() => namesIn(folder))) {
          if (signal?.aborted) return { removed, unfinished };
          const sessionId = sessionOf(name);
          if (sessionId === null) continue;
          const path = join(folder, name);
          const found = await withStorageFaults(() => ifPresent<Stats>(lstat(path)));
          if (!found?.isFile()) continue;
          unfinished += 1;
          if (found.mtimeMs >= before || (await isLive(sessionId))) continue;
          await withStorageFaults(() => remove(path));
          removed += 1;
        }
      }
      return { removed, unfinished };
    },
  };
}
