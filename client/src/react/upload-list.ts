import type { SluiceClient } from '../client.ts';
import type { BatchOptions } from '../upload/batch.ts';
import type { BatchPlan } from '../upload/batch-plan.ts';
import { isFinal, type UploadSnapshot } from '../upload/snapshot.ts';
import type { Upload } from '../upload/upload.ts';

/** Uploads as a page shows them: in the order of their start, gone when they are removed. */
export interface UploadList {
  /** The same array until something changes. */
  snapshot(): readonly UploadSnapshot[];
  subscribe(listener: () => void): () => void;
  /**
   * As `client.uploadAll`: throws `QUOTA_EXCEEDED` where the batch does not fit. Null, as an `<input>` may have it,
   * is no files.
   */
  start(files: Iterable<File> | null, options?: BatchOptions): Promise<BatchPlan>;
  pause(id: string): void;
  resume(id: string): void;
  retry(id: string): void;
  cancel(id: string): Promise<void>;
  /** Takes an ended upload off the list; a running one stays. */
  remove(id: string): void;
}

export function createUploadList(client: SluiceClient): UploadList {
  const uploads = new Map<string, Upload>();
  const listeners = new Set<() => void>();
  let current: readonly UploadSnapshot[] = [];

  function refresh(): void {
    current = [...uploads.values()].map((upload) => upload.snapshot());
    for (const listener of listeners) listener();
  }

  return {
    snapshot: () => current,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async start(files, options) {
      const batch = await client.uploadAll(files ?? [], options);
      for (const upload of batch.uploads) {
        uploads.set(upload.snapshot().id, upload);
        upload.subscribe(refresh);
      }
      refresh();
      return batch.plan;
    },
    pause: (id) => uploads.get(id)?.pause(),
    resume: (id) => uploads.get(id)?.resume(),
    retry: (id) => uploads.get(id)?.retry(),
    cancel: async (id) => uploads.get(id)?.cancel(),
    remove(id) {
      const upload = uploads.get(id);
      if (upload && isFinal(upload.snapshot().state) && uploads.delete(id)) refresh();
    },
  };
}
