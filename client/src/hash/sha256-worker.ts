/** Runs in a worker of its own: gets a file, tells how far it is, then the digest. */
import { hashBlob } from './hash-blob.ts';
import { createSha256 } from './sha256.ts';

export type HashMessage =
  | { readonly bytes: number }
  | { readonly digest: string }
  | { readonly error: { readonly name: string; readonly message: string } };

const PROGRESS_EVERY_MS = 100;

addEventListener('message', (event: MessageEvent<Blob>) => {
  let told = 0;
  const onProgress = (bytes: number) => {
    if (performance.now() - told < PROGRESS_EVERY_MS) return;
    told = performance.now();
    tell({ bytes });
  };
  hashBlob(event.data, createSha256(), onProgress).then(
    (digest) => tell({ digest }),
    (error: Error) => tell({ error: { name: error.name, message: error.message } }),
  );
});

function tell(message: HashMessage): void {
  postMessage(message);
}
