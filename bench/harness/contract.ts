import type { TokenOptions } from '../../scripts/lib/access-token.ts';

/** A server that is measured: ours, or a peer. */
export interface Running {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** The process that does the work, whose CPU seconds and memory count. */
  readonly pid: number;
  /** Ours alone: sign an access token. */
  readonly token?: (options: TokenOptions) => string;
  stop(): Promise<void>;
}

/** What a user could pick instead, or what marks the limit. */
export interface Peer {
  /** As it stands in tables, in lower case. */
  readonly name: string;
  /**
   * Have it here: look it up, else install it, unless `install` is off. Gives its version. Throws an Error whose
   * message says in one sentence why it cannot be had.
   */
  prepare(options: { readonly install: boolean }): Promise<string>;
}

/** What is measured, by its id. */
export type Sample = Readonly<Record<string, number>>;

/** What was measured of each, by its name, round by round; one that failed has fewer rounds. */
export type Rounds = ReadonlyMap<string, readonly Sample[]>;

export interface Measure {
  readonly title: string;
  readonly unit: string;
}

/** One row of the table, or some that are measured together. */
export interface Workload {
  readonly id: string;
  readonly title: string;
  /** Peers that it is compared to: they are prepared before. */
  readonly peers: readonly Peer[];
  readonly measures: Readonly<Record<string, Measure>>;
  run(bench: Bench): Promise<void>;
}

/** What a workload works with. */
export interface Bench {
  /** Only to see that the harness works: everything as small and short as it can be. */
  readonly quick: boolean;
  /** Repetitions of everything that is compared. */
  readonly rounds: number;
  /** How long a load lasts. */
  readonly seconds: number;
  /** `full`, or the other in a quick run. */
  sized(full: number, quick: number): number;
  /** Stop it when the workload is over, however it ends. */
  keep<T extends { stop(): Promise<void> }>(resource: T): T;
  /** A folder on the disk, removed when the workload is over. */
  folder(): Promise<string>;
  /** Start what is compared. Whoever cannot be had is reported as absent; ours has to start. */
  start(starts: Readonly<Record<string, () => Promise<Running>>>): Promise<Map<string, Running>>;
  /**
   * Ours, peer, ours, peer … each so many times, after one that does not count. A peer that fails is reported as
   * absent, with its reason. Gives what counts.
   */
  alternate(
    running: ReadonlyMap<string, Running>,
    measure: (running: Running, name: string) => Promise<Sample>,
  ): Promise<Rounds>;
  record(name: string, sample: Sample): void;
  /** A sentence under the table. */
  note(sentence: string): void;
}

/** Name of ours in all results. */
export const OURS = 'sluice';
