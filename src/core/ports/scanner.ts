export type ScanVerdict =
  | { readonly kind: 'clean' }
  /** `signature`: what was found, by the scanner's name for it. */
  | { readonly kind: 'infected'; readonly signature: string };

/** Looks for malware in a file that is complete and not yet counted. */
export interface Scanner {
  /**
   * Reads `bytes` to their end, or to the first finding. Throws `STORAGE_UNAVAILABLE` where the scanner is
   * away, too slow, or cannot scan this file: the upload stays as it is and may be completed later.
   */
  scan(sessionId: string, bytes: AsyncIterable<Uint8Array>): Promise<ScanVerdict>;
}
