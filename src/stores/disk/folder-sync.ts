import { syncFolder } from './files.ts';

/**
 * Makes what was renamed or created in a folder before the call outlive a power cut. One sync of the folder is under
 * way at a time, and whoever comes meanwhile shares the next one: a sync that has begun need not know of a later
 * rename, but the one after it serves all who wait for it. So many small files that are completed at once do not
 * queue at the disk. A sync that fails, fails for all who share it.
 */
export function createFolderSync(folder: string, sync: typeof syncFolder = syncFolder): () => Promise<void> {
  let underWay: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  function begin(): Promise<void> {
    const begun = sync(folder).finally(() => {
      if (underWay === begun) underWay = null;
    });
    underWay = begun;
    return begun;
  }

  return () => {
    if (underWay === null) return begin();
    next ??= underWay
      .catch(() => {})
      .then(() => {
        next = null;
        return begin();
      });
    return next;
  };
}
