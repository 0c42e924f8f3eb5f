/** One try at sending what the service does not have yet. */
export interface TransferTask {
  readonly uploadUrl: string;
  readonly file: Blob;
  /** Reject after so many milliseconds in which no byte moved. */
  readonly stallTimeoutMs: number;
  /** `bytes` counted from the start of the file. */
  readonly onProgress: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/** Resolves when all bytes were acknowledged; rejects with a `SluiceApiError`, or the signal's reason. */
export type Transfer = (task: TransferTask) => Promise<void>;
