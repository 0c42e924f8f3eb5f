/** A server that tests need. One small file beside this one for each; `all.ts` lists them. */
export interface TestServer {
  readonly name: string;
  /**
   * Start it on a free loopback port with its data in a folder of its own. Throws an Error whose message is
   * the one sentence to show when it cannot be had on this machine.
   */
  start(): Promise<RunningServer>;
}

export interface RunningServer {
  /** Environment variables by which tests find it. */
  readonly env: Readonly<Record<string, string>>;
  /** End the process and remove its data. Idempotent. */
  stop(): Promise<void>;
}
