import type { Upload, UploadSnapshot } from '../../src/node.ts';

/** Resolves at the first snapshot that `condition` holds for. */
export function until(upload: Upload, condition: (snapshot: UploadSnapshot) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (snapshot: UploadSnapshot) => {
      if (!condition(snapshot)) return;
      stop();
      resolve();
    };
    const stop = upload.subscribe(look);
    look(upload.snapshot());
  });
}
