import { createAccountBook } from './account-book.ts';
import { type Outcome, SluiceError } from './errors.ts';
import type { Accounts, Events, KnownAccounts, Ledger, SessionStore } from './ports.ts';
import type { Session } from './session.ts';

/**
 * The session store is a fast account of what the ledger knows for good, and the two are written one after the
 * other. A process that dies in between leaves a session that is counted but not finished; a failover can lose
 * what was acknowledged. The reconciler looks at every account that is kept, and makes it agree with the ledger.
 */

/** Accounts looked at at once: few enough to leave room for requests. */
const WIDTH = 4;
/** A user whose uploads finish between two readings only seems to drift: what lasts is wrong. */
const LOOKS = 3;

export interface Reconciliation {
  /** Accounts that were looked at. */
  readonly accounts: number;
  /** Those that were not as the ledger has them, or whose reservations were summed up wrongly. All are healed. */
  readonly drifted: number;
  /** By how much, in bytes, all of them together. */
  readonly driftBytes: number;
  /** Sessions that the ledger had settled, and that are finished here now. */
  readonly finished: number;
  /** Sessions with all their bytes, which nobody was completing any more, and that are completed now. */
  readonly completed: number;
  /**
   * Sessions with all their bytes that could not be completed. Each stays as it is until the next pass, but those whose
   * bytes are lost, and whose time is over, have expired.
   */
  readonly stuck: readonly StuckUpload[];
  /** What all accounts together had reserved when they were looked at, in bytes. */
  readonly reservedBytes: number;
  /** Live sessions of all accounts. */
  readonly activeSessions: number;
}

export interface StuckUpload {
  readonly sessionId: string;
  readonly fault: unknown;
}

export interface ReconcileDeps {
  readonly store: SessionStore & Accounts & KnownAccounts;
  readonly ledger: Ledger;
  readonly events: Events;
  /** Complete a sealed session that nobody completes. May be repeated, and done by two at once. */
  readonly finishStored: (session: Session) => Promise<Outcome<Session>>;
  /** End a sealed session that can never be completed, unless the ledger has settled it. */
  readonly expire: (session: Session) => Promise<Session>;
  /** Milliseconds since the epoch; left out: this machine's clock, which may differ from the stores'. */
  readonly now?: () => number;
}

export type Reconcile = (signal?: AbortSignal) => Promise<Reconciliation>;

/** What one pass has found so far. */
interface Pass {
  readonly tally: { -readonly [Name in Exclude<keyof Reconciliation, 'stuck'>]: number };
  readonly stuck: StuckUpload[];
  readonly unfinished: Set<string>;
}

/** Throws where a store is away, once nobody is at work any more; what was healed until then stays so. */
export function createReconcile(deps: ReconcileDeps): Reconcile {
  const { store, ledger, events, finishStored, expire, now = Date.now } = deps;
  const accountBook = createAccountBook({ store, ledger });
  /** Sealed sessions that were not finished when they were looked at last: somebody may have been at it. */
  let unfinishedBefore: ReadonlySet<string> = new Set();

  async function settleSealed(sessionId: string, pass: Pass): Promise<void> {
    const decision = await ledger.decision(sessionId);
    if (decision?.kind === 'settled') {
      const session = await store.finish(sessionId, decision.completion);
      if (session?.status !== 'completed') return;
      pass.tally.finished += 1;
      const { userId, uploadOffset, uploadLength } = session;
      events.emit({ type: 'completed', sessionId, userId, uploadOffset, uploadLength });
      return;
    }
    pass.unfinished.add(sessionId);
    if (!unfinishedBefore.has(sessionId)) return;
    const session = await store.find(sessionId);
    if (session?.status !== 'active' || !session.sealed) return;
    try {
      // Whoever voided it would have ended it as well, had he not died.
      if (decision?.kind === 'voided') await expire(session);
      else await completeStored(session, pass);
    } catch (fault) {
      // One upload, whatever is the matter with it, must not keep the others waiting.
      pass.stuck.push({ sessionId, fault });
    }
  }

  async function completeStored(session: Session, { tally }: Pass): Promise<void> {
    try {
      const outcome = await finishStored(session);
      if (outcome.ok && outcome.value.status === 'completed') tally.completed += 1;
    } catch (fault) {
      // A storage that is not mounted looks the same for a while: the upload has its time.
      const isLost = fault instanceof SluiceError && fault.bytesAreLost;
      if (isLost && now() >= session.expiresAt) await expire(session);
      throw fault;
    }
  }

  /** Bytes by which what is used here is not what the ledger says; null where it agrees, or is loaded anyway. */
  async function driftOf(userId: string): Promise<number | null> {
    const here = await store.read(userId);
    if (here.kind === 'need_account') return null;
    const { account, settled } = await ledger.account(userId, here.sealed);
    const toCome = settled.reduce((sum, { bytes }) => sum + bytes, 0);
    const { usedBytes, limitBytes, resetAt } = here.quota;
    const off = Math.abs(usedBytes - (account.usedBytes - toCome));
    return off === 0 && limitBytes === account.limitBytes && resetAt === account.periodEnd ? null : off;
  }

  async function lastingDriftOf(userId: string): Promise<number | null> {
    let drift: number | null = null;
    for (let look = 0; look < LOOKS; look += 1) {
      drift = await driftOf(userId);
      if (drift === null) return null;
    }
    return drift;
  }

  async function reconcileUser(userId: string, pass: Pass): Promise<void> {
    const { tally } = pass;
    const found = await store.read(userId);
    if (found.kind === 'known') {
      tally.reservedBytes += found.quota.reservedBytes;
      tally.activeSessions += found.quota.activeSessions;
    }
    for (const sessionId of found.sealed) await settleSealed(sessionId, pass);
    const miscounted = await store.recount(userId);
    const drift = await lastingDriftOf(userId);
    if (drift !== null) await accountBook.reload(userId);
    tally.accounts += 1;
    tally.drifted += miscounted !== null || drift !== null ? 1 : 0;
    tally.driftBytes += (miscounted ?? 0) + (drift ?? 0);
  }

  return async function reconcile(signal) {
    const tally = {
      ...{ accounts: 0, drifted: 0, driftBytes: 0, finished: 0, completed: 0 },
      ...{ reservedBytes: 0, activeSessions: 0 },
    };
    const pass: Pass = { tally, stuck: [], unfinished: new Set() };
    const faults: unknown[] = [];
    const isOver = () => faults.length > 0 || signal?.aborted === true;

    async function reconcileUsers(queue: Iterable<string>): Promise<void> {
      for (const userId of queue) {
        if (isOver()) return;
        await reconcileUser(userId, pass).catch((fault: unknown) => void faults.push(fault));
      }
    }

    for await (const users of store.knownAccounts()) {
      const queue = users.values();
      await Promise.all(Array.from({ length: WIDTH }, () => reconcileUsers(queue)));
      if (isOver()) break;
    }
    // A pass that ended early has not looked at all that the one before had seen.
    unfinishedBefore = isOver() ? unfinishedBefore.union(pass.unfinished) : pass.unfinished;
    if (faults.length > 0) throw faults[0];
    return { ...tally, stuck: pass.stuck };
  };
}
