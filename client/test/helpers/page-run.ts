/** One upload in a page, and what became of it. A file of its own: those who only drive the page know no DOM. */
export interface PageRun {
  readonly seed: number;
  /** Bytes. */
  readonly size: number;
  readonly baseUrl: string;
  readonly token: string;
  /** Hash in a worker and declare the digest first. */
  readonly declare: boolean;
}

export interface PageRunResult {
  readonly sessionId: string;
  readonly status: string;
  /** Of the file as it is in the page. */
  readonly sha256: string;
}
