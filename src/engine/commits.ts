import { SluiceError } from '../core/errors.ts';
import type { CommitResult, Events, Progress, SessionStore } from '../core/ports.ts';
import type { Session } from '../core/session.ts';
import type { EngineLimits } from './limits.ts';

/**
 * Acknowledges what is stored: now and then while bytes come in, and once at the end. One commit is under way
 * at a time, beside the next write, so that the session store's latency costs no throughput. While the store is
 * away the commit is tried again for a bounded time; repeating it does no harm. An upload that is still coming in
 * goes on meanwhile, within what is reserved, for as long as a failover takes; one that has ended is answered soon.
 */
export interface Commits {
  /** The session as the last commit left it. */
  readonly session: Session;
  /** The first thing that ended this writer's right to commit: a newer writer, an ended session, a fault. */
  readonly verdict: Verdict | null;
  /** Start a commit in the background, if one is due. Never throws: see `verdict`. */
  pace(progress: () => Progress): void;
  /** Commit now, after the one under way. */
  commit(progress: Progress): Promise<CommitResult>;
}

export type Verdict =
  | Exclude<CommitResult, { kind: 'committed' | 'quota_exceeded' }>
  | { readonly kind: 'fault'; readonly fault: unknown };

interface Deps {
  readonly sessions: SessionStore;
  readonly events: Events;
  readonly limits: EngineLimits;
  /** Called when `verdict` is set by a commit in the background. */
  readonly onVerdict: () => void;
  /** The session refers to this storage now. */
  readonly onCommitted: (storage: string) => void;
  /** Bytes were acknowledged, in the background or at the end. */
  readonly onAcknowledged: (offset: number) => void;
}

const RETRY_MS = 100;

export function createCommits(deps: Deps, taken: Session): Commits {
  const { sessions, events, limits } = deps;
  const { sessionId, epoch } = taken;
  let session = taken;
  let verdict: Verdict | null = null;
  let underWay: Promise<void> | null = null;
  let giveUpAt = 0;
  let lastAt = performance.now();

  /** Until `giveUpAt`, which comes closer as soon as somebody waits for the answer. */
  async function attempt(progress: Progress): Promise<CommitResult> {
    for (;;) {
      try {
        return await sessions.commit(sessionId, epoch, progress);
      } catch (fault) {
        if (!(fault instanceof SluiceError) || performance.now() + RETRY_MS >= giveUpAt) throw fault;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  function note(result: CommitResult, { storage }: Progress): void {
    lastAt = performance.now();
    if (result.kind === 'quota_exceeded') return;
    if (result.kind !== 'committed') {
      verdict ??= result;
      return;
    }
    if (storage !== undefined) deps.onCommitted(storage);
    const moved = result.session.uploadOffset !== session.uploadOffset;
    session = result.session;
    if (!moved) return;
    const { userId, uploadOffset, uploadLength } = session;
    events.emit({ type: 'progress', sessionId, userId, uploadOffset, uploadLength });
    deps.onAcknowledged(uploadOffset);
  }

  async function inBackground(progress: Progress): Promise<void> {
    giveUpAt = performance.now() + limits.outageGraceMs;
    try {
      note(await attempt(progress), progress);
    } catch (fault) {
      verdict ??= { kind: 'fault', fault };
    }
    underWay = null;
    if (verdict) deps.onVerdict();
  }

  return {
    get session() {
      return session;
    },
    get verdict() {
      return verdict;
    },

    pace(progress) {
      if (underWay || verdict) return;
      const next = progress();
      const bytes = next.offset - session.uploadOffset;
      if (bytes <= 0) return;
      if (bytes < limits.commitBytes && performance.now() - lastAt < limits.commitIntervalMs) return;
      underWay = inBackground(next);
    },

    async commit(progress) {
      const patienceEndsAt = performance.now() + limits.storeGraceMs;
      giveUpAt = underWay ? Math.min(giveUpAt, patienceEndsAt) : patienceEndsAt;
      await underWay;
      if (verdict?.kind === 'fault') throw verdict.fault;
      if (verdict) return verdict;
      try {
        const result = await attempt(progress);
        note(result, progress);
        return result;
      } catch (fault) {
        // Whoever comes next does not wait for the same once more.
        verdict ??= { kind: 'fault', fault };
        throw fault;
      }
    },
  };
}
