import type { Service } from '../api/service.ts';
import type { SessionStatus } from '../api/types.ts';
import { isSluiceApiError, type SluiceApiError, toApiError } from '../errors.ts';
import type { Platform } from '../platform/platform.ts';
import { createPatience, type RetryOptions, type RetryPlan, sleep } from '../retry.ts';
import { createCompletionWait, endingOf } from './completion.ts';
import type { OpenedSession, OpenSession } from './open-session.ts';
import { declaresDigest, type UploadOptions } from './options.ts';
import type { UploadState } from './snapshot.ts';
import type { Transfer } from './transfer.ts';

export interface RunnerDeps {
  readonly service: Service;
  readonly platform: Platform;
  readonly openSession: OpenSession;
  readonly transfers: Readonly<Record<'tus' | 'direct', Transfer>>;
  readonly retry: RetryOptions;
  readonly stallTimeoutMs: number;
}

/** How often, and how many milliseconds apart, a session is asked for the end that a request was told of. */
const ENDING_LOOKS = 20;
const ENDING_PAUSE_MS = 100;

/** What one upload knows that outlives a pause. */
export interface Job {
  readonly file: Blob;
  readonly filename: string;
  readonly options: UploadOptions;
  readonly idempotencyKey: string;
  digest: string | null;
  session: OpenedSession | null;
  /** A session on its way: it is not stopped with the run, lest it be reserved and forgotten. */
  opening: Promise<OpenedSession> | null;
}

/** Where a run tells what it is at. */
export interface Watcher {
  state(state: UploadState): void;
  hashed(bytes: number): void;
  uploaded(bytes: number): void;
  session(session: OpenedSession): void;
  status(status: SessionStatus): void;
  waits(plan: RetryPlan | null): void;
}

/**
 * Takes a job as far as it goes: hash, session, bytes, verification. After every failure the service is asked what
 * became of the session, and its word decides what is next. It can be stopped at any point, and called again.
 */
export type Run = (job: Job, watcher: Watcher, signal: AbortSignal) => Promise<SessionStatus>;

export function createRun(deps: RunnerDeps): Run {
  const awaitCompletion = createCompletionWait(deps.service, deps.platform.httpStack);

  return async (job, watcher, signal) => {
    const patience = createPatience(deps.platform, deps.retry, watcher.waits);
    const digest = () => digestOf(deps, job, watcher, signal);
    if (declaresDigest(job.options)) await digest();
    for (;;) {
      try {
        job.session ??= await open(deps, job, watcher, signal, digest);
        await send(deps, job, job.session, watcher, signal, patience.reset);
        watcher.state('verifying');
        return await awaitCompletion({
          uploadUrl: job.session.uploadUrl,
          digest: job.digest,
          onStatus: watcher.status,
          signal,
        });
      } catch (error) {
        signal.throwIfAborted();
        const done =
          job.session && (await completedMeanwhile(deps, job.session, toApiError(error), watcher, signal));
        if (done) return done;
        await patience.wait(toApiError(error), signal);
      }
    }
  };
}

async function digestOf(deps: RunnerDeps, job: Job, watcher: Watcher, signal: AbortSignal): Promise<string> {
  if (job.digest !== null) return job.digest;
  watcher.state('hashing');
  job.digest = await deps.platform.sha256(job.file, watcher.hashed, signal).catch((error) => {
    signal.throwIfAborted();
    throw toApiError(error);
  });
  watcher.state('waiting');
  return job.digest;
}

async function open(
  deps: RunnerDeps,
  job: Job,
  watcher: Watcher,
  signal: AbortSignal,
  digest: () => Promise<string>,
): Promise<OpenedSession> {
  job.opening ??= deps.openSession({ ...job, signal, digest });
  try {
    const session = await orAborted(job.opening, signal);
    watcher.session(session);
    job.opening = null;
    return session;
  } catch (error) {
    if (!signal.aborted) job.opening = null;
    throw error;
  }
}

/** What `promise` comes to, unless the signal is first; the promise then goes on by itself. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

async function send(
  deps: RunnerDeps,
  job: Job,
  session: OpenedSession,
  watcher: Watcher,
  signal: AbortSignal,
  onAdvance: () => void,
): Promise<void> {
  watcher.state('uploading');
  // Whoever began a session that is gone on with chose how its bytes go: `direct` finds that out.
  const transfer = deps.transfers[session.resumed ? 'direct' : (job.options.transfer ?? 'tus')];
  let farthest = -1;
  await transfer({
    uploadUrl: session.uploadUrl,
    file: job.file,
    stallTimeoutMs: deps.stallTimeoutMs,
    signal,
    onProgress: (bytes) => {
      // The first report is the offset that was there before; what follows is new.
      if (farthest >= 0 && bytes > farthest) onAdvance();
      farthest = Math.max(farthest, bytes);
      watcher.uploaded(bytes);
    },
  });
}

/**
 * The session's own account of a failure: null where it is still alive (or nobody can say), its status where the
 * lost answer was the last one and all is well. Throws why it ended, else.
 */
async function completedMeanwhile(
  deps: RunnerDeps,
  session: OpenedSession,
  error: SluiceApiError,
  watcher: Watcher,
  signal: AbortSignal,
): Promise<SessionStatus | null> {
  let status: SessionStatus;
  for (let looks = 1; ; looks += 1) {
    try {
      status = await deps.service.statusOf(session.uploadUrl, signal);
    } catch (unknown) {
      signal.throwIfAborted();
      if (isSluiceApiError(unknown) && unknown.code === 'SESSION_NOT_FOUND') throw unknown;
      return null;
    }
    watcher.status(status);
    if (status.status !== 'active') break;
    // A request that was stopped for the end of its session is told so a moment before the session has ended.
    if (error.code !== 'SESSION_EXPIRED' || looks === ENDING_LOOKS) return null;
    await sleep(ENDING_PAUSE_MS, signal);
  }
  if (status.status !== 'completed') throw status.failure ? endingOf(status) : moreTelling(error, status);
  return error.code === 'DIGEST_MISMATCH' ? null : status;
}

/** A refusal with its details says more than the bare fact that the session is over. */
function moreTelling(error: SluiceApiError, status: SessionStatus): SluiceApiError {
  const ending = endingOf(status);
  return error.code === ending.code ? error : ending;
}
