import type { HttpStack } from 'tus-js-client';

/** What differs between a browser and Node. */
export interface Platform {
  /** Sends bytes and tells how many are on their way, which `fetch` cannot. */
  readonly httpStack: HttpStack;
  /** SHA-256 of the whole file, 64 lower-case hex digits, off the main thread where there is one to spare. */
  sha256(file: Blob, onProgress: (bytes: number) => void, signal: AbortSignal): Promise<string>;
  /** False only where it is certain that there is no network. */
  online(): boolean;
  whenOnline(signal: AbortSignal): Promise<void>;
  /**
   * Takes a name for this tab or process; null where another one has it. The function that comes back gives it
   * up again.
   */
  claim(name: string): Promise<(() => void) | null>;
}
