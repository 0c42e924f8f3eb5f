/** Who has to stop writing a session, and why. */
export interface StopOrder {
  /** Writers up to this epoch are meant: newer ones came after whoever gives the order. */
  readonly epoch: number;
  readonly reason: 'taken_over' | 'cancelled';
}

/** Word between the processes that share a session store. Nothing depends on it but time and a copy of bytes. */
export interface WriterSignals {
  /**
   * Have the process `instance` stop those who write the session for it; they acknowledge what they have first.
   * True where it answered that none of them can reach the bytes any more; false, within a second, where it is
   * gone, hung or cut off. Never throws.
   */
  stop(instance: string, sessionId: string, order: StopOrder): Promise<boolean>;
  /** What to do when another process gives such an order. */
  onStop(obey: (sessionId: string, order: StopOrder) => Promise<boolean>): void;
  close(): void;
}
