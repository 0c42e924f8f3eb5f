/** A digest in the making. */
export interface RunningHash {
  update(bytes: Uint8Array): void;
  /** Ends it: 64 lower-case hex digits. */
  hex(): string;
}

/** Reads the file once, piece by piece; memory does not depend on its size. */
export async function hashBlob(
  file: Blob,
  hash: RunningHash,
  onProgress: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<string> {
  const reader = file.stream().getReader();
  let bytes = 0;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read();
      if (done) return hash.hex();
      hash.update(value);
      bytes += value.byteLength;
      onProgress(bytes);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
