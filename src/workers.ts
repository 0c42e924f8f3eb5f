import cluster, { type Worker } from 'node:cluster';

/**
 * Several processes on one port. The primary process takes no requests: it starts workers, starts another where
 * one ended, and has one of them do what is to be done once for all (the duties).
 */

/** A worker that ends is replaced after this; after twice as long where the next one ends soon too, and so on. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** A worker that lived for so long did not end for what ended the ones before it. */
const STABLE_AFTER_MS = 30_000;

export interface WorkersOptions {
  readonly count: number;
  /** The program that each worker runs, and its arguments. */
  readonly program: string;
  readonly args: readonly string[];
  /** Settles when all are to stop. */
  readonly stopped: Promise<unknown>;
  /** Workers that have not stopped within so many ms are killed. */
  readonly stopDeadlineMs: number;
  /** The first one listens, at this address. */
  readonly onListening: (url: string) => Promise<void>;
  readonly log: { warn(details: object, message: string): void };
}

type FromWorker = { readonly listening: string };
type ToWorker = { readonly duties: true };

/**
 * Runs until `stopped` settles and all workers have ended. Gives the exit code: that of the first worker where it
 * ends before it listens, since the others would fare no better; else 0, or 1 where one had to be killed.
 */
export async function superviseWorkers(options: WorkersOptions): Promise<number> {
  const { count, log, stopDeadlineMs } = options;
  const listening = new Set<Worker>();
  const pauses = new Set<NodeJS.Timeout>();
  const ended = Promise.withResolvers<number>();
  let onDuty: Worker | null = null;
  let started = false;
  let stopping = false;
  let exitCode = 0;
  let failures = 0;

  cluster.setupPrimary({ exec: options.program, args: [...options.args] });
  cluster.on('message', (worker, message: unknown) => {
    if (isListening(message)) welcome(worker, message.listening);
  });
  cluster.on('exit', (worker, code, signal: string | null) => bury(worker, code, signal));

  function start(): void {
    const worker = cluster.fork();
    const bornAt = performance.now();
    // What is said to one that has died a moment ago cannot be delivered: its end is yet to be told. One that could not
    // be started at all has no end.
    worker.on('error', () => {
      if (worker.process.pid === undefined) bury(worker, null, null);
    });
    worker.once('exit', () => {
      if (performance.now() - bornAt > STABLE_AFTER_MS) failures = 0;
    });
  }

  function welcome(worker: Worker, url: string): void {
    listening.add(worker);
    elect();
    if (started) return;
    started = true;
    options.onListening(url).catch(ended.reject);
    for (let n = 1; n < count; n += 1) start();
  }

  function elect(): void {
    if (onDuty || stopping) return;
    const [first] = listening;
    if (!first) return;
    onDuty = first;
    first.send({ duties: true } satisfies ToWorker);
  }

  function bury(worker: Worker, code: number | null, signal: string | null): void {
    listening.delete(worker);
    if (onDuty === worker) onDuty = null;
    if (stopping || !started) {
      if (!started) exitCode = code ?? 1;
      if (aliveWorkers().length === 0) ended.resolve(exitCode);
      return;
    }
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);
    failures += 1;
    log.warn({ pid: worker.process.pid, code, signal, pauseMs }, 'a worker ended; another takes its place');
    const pause = setTimeout(() => {
      pauses.delete(pause);
      start();
    }, pauseMs);
    pauses.add(pause);
    elect();
  }

  function stopAll(): void {
    stopping = true;
    for (const pause of pauses) clearTimeout(pause);
    for (const worker of aliveWorkers()) worker.process.kill('SIGTERM');
    if (aliveWorkers().length === 0) ended.resolve(exitCode);
  }

  start();
  let impatient: NodeJS.Timeout | undefined;
  void options.stopped.then(() => {
    stopAll();
    impatient = setTimeout(() => {
      exitCode = 1;
      for (const worker of aliveWorkers()) worker.process.kill('SIGKILL');
    }, stopDeadlineMs);
  });
  const result = await ended.promise;
  clearTimeout(impatient);
  return result;
}

function aliveWorkers(): Worker[] {
  return Object.values(cluster.workers ?? {}).flatMap((worker) =>
    worker && !worker.isDead() ? [worker] : [],
  );
}

function isListening(message: unknown): message is FromWorker {
  return typeof message === 'object' && message !== null && 'listening' in message;
}

/** What a worker says to its primary, and hears from it. Where there is no primary, nothing happens. */
export const primary = {
  isThere: cluster.isWorker,

  /** This worker takes requests now. `onDuties`: it is the one that does what is to be done once for all. */
  tellListening(url: string, onDuties: () => void): void {
    if (!cluster.isWorker) return;
    process.on('message', (message: unknown) => {
      if (typeof message === 'object' && message !== null && 'duties' in message) onDuties();
    });
    process.send?.({ listening: url } satisfies FromWorker);
  },

  /** Nothing more is to be said: the process may end. */
  leave(): void {
    if (cluster.isWorker) cluster.worker?.disconnect();
  },
};
