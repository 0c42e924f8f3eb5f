import cluster, { type Worker } from 'node:cluster';
import { leftBehind, mergeReports, type Report } from './reports.ts';

/**
 * Metrics of several workers. Prometheus asks whichever worker it reaches; that one asks the primary process, which
 * asks all workers and passes their reports on.
 *
 * The primary remembers the last report of each. A worker that is too busy to answer is told of as it was last, and
 * what one had counted before it ended stays counted: a sum of counters that falls would look to Prometheus like a
 * restart, and be counted anew. What a worker counted between its last report and a sudden end is lost.
 */

/** Milliseconds that workers have to answer; Prometheus itself waits for ten seconds by default. */
const COLLECT_MS = 1000;
const ANSWER_MS = 3000;

type FromWorker =
  | { readonly metrics: 'ask'; readonly question: number }
  | { readonly metrics: 'report'; readonly round: number; readonly report: Report };
type ToWorker =
  | { readonly metrics: 'collect'; readonly round: number }
  | { readonly metrics: 'all'; readonly question: number; readonly reports: readonly Report[] };

/** In the primary process: from now on. */
export function relayReports(): void {
  const last = new Map<number, Report>();
  const rounds = new Map<number, { readonly waiting: Set<number>; readonly complete: () => void }>();
  let departed: Promise<Report> = Promise.resolve([]);
  let roundCount = 0;

  cluster.on('message', (worker, message: unknown) => {
    if (!isFromWorker(message)) return;
    if (message.metrics === 'ask') void answer(worker, message.question);
    else noteReport(worker.id, message.round, message.report);
  });
  cluster.on('exit', ({ id }) => {
    const report = last.get(id);
    last.delete(id);
    if (report) departed = departed.then((before) => mergeReports([before, leftBehind(report)]));
    for (const round of rounds.values()) tick(round, id);
  });

  async function answer(asker: Worker, question: number): Promise<void> {
    await collect();
    const reports = [await departed, ...last.values()];
    send(asker, { metrics: 'all', question, reports });
  }

  async function collect(): Promise<void> {
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker?.isConnected());
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = new Set(workers.flatMap((worker) => (worker ? [worker.id] : [])));
    roundCount += 1;
    const round = roundCount;
    rounds.set(round, { waiting, complete: resolve });
    for (const worker of workers) if (worker) send(worker, { metrics: 'collect', round });
    const timer = setTimeout(resolve, COLLECT_MS);
    await promise;
    clearTimeout(timer);
    rounds.delete(round);
  }

  function noteReport(id: number, round: number, report: Report): void {
    last.set(id, report);
    const asked = rounds.get(round);
    if (asked) tick(asked, id);
  }

  function tick(round: { readonly waiting: Set<number>; readonly complete: () => void }, id: number): void {
    round.waiting.delete(id);
    if (round.waiting.size === 0) round.complete();
  }
}

function send(worker: Worker, message: ToWorker): void {
  // One that is just ending hears nothing any more, and need not.
  if (worker.isConnected()) worker.send(message, () => {});
}

/** In a worker: gives the reports of all, its own among them. Throws where the primary does not answer. */
export function collectReports(own: () => Promise<Report>): () => Promise<readonly Report[]> {
  const asked = new Map<number, (reports: readonly Report[]) => void>();
  let questionCount = 0;

  process.on('message', (message: unknown) => {
    if (!isToWorker(message)) return;
    if (message.metrics === 'all') asked.get(message.question)?.(message.reports);
    else void tell(message.round);
  });

  async function tell(round: number): Promise<void> {
    const report = await own();
    process.send?.({ metrics: 'report', round, report } satisfies FromWorker);
  }

  return async () => {
    questionCount += 1;
    const question = questionCount;
    const { promise, resolve, reject } = Promise.withResolvers<readonly Report[]>();
    const timer = setTimeout(() => reject(new Error('the primary process does not answer')), ANSWER_MS);
    asked.set(question, resolve);
    process.send?.({ metrics: 'ask', question } satisfies FromWorker);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      asked.delete(question);
    }
  };
}

function isFromWorker(message: unknown): message is FromWorker {
  return hasMetrics(message) && (message.metrics === 'ask' || message.metrics === 'report');
}

function isToWorker(message: unknown): message is ToWorker {
  return hasMetrics(message) && (message.metrics === 'collect' || message.metrics === 'all');
}

function hasMetrics(message: unknown): message is { readonly metrics: unknown } {
  return typeof message === 'object' && message !== null && 'metrics' in message;
}
