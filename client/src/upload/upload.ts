import type { SessionStatus } from '../api/types.ts';
import { SluiceApiError, toApiError } from '../errors.ts';
import type { OpenedSession } from './open-session.ts';
import type { UploadOptions } from './options.ts';
import type { Job, Run } from './run.ts';
import type { Slots } from './slots.ts';
import { isFinal, type UploadSnapshot, type UploadState } from './snapshot.ts';
import { createTracker } from './tracker.ts';

/** One file on its way. It starts by itself. */
export interface Upload {
  readonly file: Blob;
  /** As it is now; another object after every change. */
  snapshot(): UploadSnapshot;
  /** Calls back after every change, progress included. The function that comes back ends it. */
  subscribe(listener: (snapshot: UploadSnapshot) => void): () => void;
  /**
   * Resolves with the completed session, verified. Rejects with a `SluiceApiError`, or with the reason of
   * `options.signal`. After `retry()` it is another promise.
   */
  readonly done: Promise<SessionStatus>;
  /** Stops sending and gives the slot to the next; the session lives until it expires. */
  pause(): void;
  resume(): void;
  /** After an end without success: again, going on with the session where it still lives. */
  retry(): void;
  /** Ends it, deletes what was sent and gives the reservation back. */
  cancel(): Promise<void>;
}

export interface UploadDeps {
  readonly run: Run;
  readonly slots: Slots;
  readonly cancelSession: (uploadUrl: string) => Promise<void>;
  readonly onChange: (snapshot: UploadSnapshot, stateChanged: boolean) => void;
}

/** Why a run was stopped from here. The signal of the caller has reasons of its own. */
const PAUSED = Symbol('paused');

export function createUpload(deps: UploadDeps, file: Blob, options: UploadOptions): Upload {
  const filename = options.filename ?? ('name' in file && typeof file.name === 'string' ? file.name : '');
  const tracker = createTracker({ filename, bytesTotal: file.size }, options, deps.onChange);
  let job = createJob(file, filename, options);
  /** Stops what is going on now; another one after every stop. */
  let running = new AbortController();
  let unpause: (() => void) | null = null;
  let wantsPause = false;
  /** Set once it is to end, whatever it is doing. */
  let stopped: { readonly reason: unknown } | null = null;
  const onAbort = () => stop(options.signal?.reason);
  options.signal?.addEventListener('abort', onAbort, { once: true });
  if (options.signal?.aborted) onAbort();
  let done = start();

  function stop(reason: unknown): void {
    stopped ??= { reason };
    running.abort(reason);
  }

  function start(): Promise<SessionStatus> {
    const result = drive();
    // A failure shows in the state too: who does not wait for `done` shall not crash of it.
    result.catch(() => {});
    return result;
  }

  async function drive(): Promise<SessionStatus> {
    try {
      for (;;) {
        // What happens is told only when the caller has the upload in his hands.
        await Promise.resolve();
        try {
          const status = await inSlot(running.signal);
          tracker.end('done', null);
          return status;
        } catch (error) {
          if (error !== PAUSED) throw error;
          if (wantsPause) await paused();
          if (stopped) throw stopped.reason;
        }
      }
    } catch (error) {
      throw ended(error);
    } finally {
      // A session that is still being opened is let go when it comes.
      void (job.opening ?? Promise.resolve(job.session)).then(
        (session) => session?.release(),
        () => {},
      );
      job.session = null;
    }
  }

  async function inSlot(signal: AbortSignal): Promise<SessionStatus> {
    tracker.state('waiting');
    const release = await deps.slots.take(signal);
    try {
      return await deps.run(job, tracker, signal);
    } finally {
      release();
    }
  }

  function paused(): Promise<void> {
    tracker.state('paused');
    noteLateSession(job);
    return new Promise((resolve) => {
      unpause = resolve;
      running = new AbortController();
      running.signal.addEventListener('abort', () => resolve(), { once: true });
      if (stopped) resolve();
    });
  }

  /** A session that was on its way at the pause is this upload's all the same, and runs out meanwhile. */
  function noteLateSession(mine: Job): void {
    const note = (session: OpenedSession) => {
      if (job === mine && tracker.snapshot().state === 'paused') tracker.session(session);
    };
    void mine.opening?.then(note, () => {});
  }

  function ended(error: unknown): unknown {
    if (options.signal?.aborted && error === options.signal.reason) {
      tracker.state('paused');
      return error;
    }
    const reason = toApiError(error);
    tracker.end(stateAfter(reason), reason);
    return reason;
  }

  return {
    file,
    snapshot: tracker.snapshot,
    subscribe: tracker.subscribe,
    get done() {
      return done;
    },
    pause() {
      if (wantsPause || isFinal(tracker.snapshot().state)) return;
      wantsPause = true;
      running.abort(PAUSED);
    },
    resume() {
      if (!wantsPause) return;
      wantsPause = false;
      running = new AbortController();
      if (unpause) tracker.state('waiting');
      unpause?.();
      unpause = null;
    },
    retry() {
      const { state } = tracker.snapshot();
      if (!isFinal(state) || state === 'done') return;
      job = { ...createJob(file, filename, options), digest: job.digest };
      running = new AbortController();
      wantsPause = false;
      stopped = null;
      tracker.reset();
      done = start();
    },
    async cancel() {
      if (isFinal(tracker.snapshot().state)) return;
      stop(new SluiceApiError('UPLOAD_CANCELLED', 'The upload was cancelled.'));
      await done.catch(() => {});
      const session = tracker.snapshot().session ?? (await job.opening?.catch(() => null));
      if (session) await deps.cancelSession(session.uploadUrl);
    },
  };
}

function createJob(file: Blob, filename: string, options: UploadOptions): Job {
  return {
    file,
    filename,
    options,
    idempotencyKey: crypto.randomUUID(),
    digest: null,
    session: null,
    opening: null,
  };
}

function stateAfter(error: SluiceApiError): UploadState {
  if (error.code === 'UPLOAD_CANCELLED') return 'cancelled';
  return error.code === 'SESSION_EXPIRED' || error.code === 'SESSION_NOT_FOUND' ? 'expired' : 'failed';
}
