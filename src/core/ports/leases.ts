/** Work that only one process does at a time, of all that share a session store. */
export interface Leases {
  /**
   * Take the lease `name` for `ttlMs`, or have it for so long again: true where this process has it now. A lease
   * ends by itself, so what it guards must bear that two do it at once for a moment.
   */
  hold(name: string, ttlMs: number): Promise<boolean>;
  /** Let another have it. Nothing happens where this process does not hold it. */
  release(name: string): Promise<void>;
}
