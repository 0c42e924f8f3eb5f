import { accepted, type Outcome, refused, SluiceError } from './errors.ts';
import { isBehind, placeOf } from './inspection.ts';
import type { Accounts, SessionDirectory, SessionStore } from './ports.ts';
import type { Session } from './session.ts';
import { parseUuid } from './session-id.ts';

/** Which live sessions are meant. Times are milliseconds since the epoch. */
export interface SessionFilter {
  readonly userId?: string | undefined;
  readonly createdBefore?: number | undefined;
  readonly createdAfter?: number | undefined;
  /** Only those that no byte has reached. */
  readonly withoutBytes?: boolean | undefined;
}

export interface LiveSessionPage {
  readonly sessions: readonly Session[];
  /** Cursor of the next page, which may be empty; null on the last one. */
  readonly next: string | null;
}

export interface Cancellation {
  readonly sessionId: string;
  readonly userId: string | null;
  /** `completed`: it was too late; `ended`: it had ended otherwise; `failed`: a store was away; `would_cancel` in a dry run. */
  readonly result: 'cancelled' | 'would_cancel' | 'completed' | 'ended' | 'not_found' | 'failed';
}

export interface SessionList {
  /** Whoever owns it, live or ended lately; null where there is none (any more). */
  find(sessionId: string): Promise<Session | null>;
  /** A page of all live sessions: user by user, newest first. */
  page(filter: SessionFilter, at: { limit: number; after: string | null }): Promise<Outcome<LiveSessionPage>>;
  /** End those of these sessions that are live, whoever owns them. Repeating it does no harm. */
  cancelAll(
    sessionIds: readonly string[],
    options: { readonly dryRun: boolean },
  ): Promise<readonly Cancellation[]>;
}

/** Users looked at in one go, and for one page: a filter that fits nobody must not take for ever. */
const USERS_AT_ONCE = 64;
const USERS_PER_PAGE = 1024;
const WIDTH = 8;

export function createSessionList(deps: {
  readonly store: SessionStore & Accounts & SessionDirectory;
  /** Stops who writes it, and ends it: as its owner would. */
  readonly cancel: (session: Session) => Promise<Outcome<Session>>;
}): SessionList {
  const { store, cancel } = deps;

  async function* users({ userId }: SessionFilter, from: string | null): AsyncGenerator<readonly string[]> {
    if (userId !== undefined) {
      yield [userId];
      return;
    }
    if (from !== null) yield [from];
    let last = from;
    for (let seen = 0; seen < USERS_PER_PAGE; seen += USERS_AT_ONCE) {
      const batch = await store.reservingUsers(last, USERS_AT_ONCE);
      yield batch;
      if (batch.length < USERS_AT_ONCE) return;
      last = batch.at(-1) ?? null;
    }
  }

  async function page(filter: SessionFilter, at: { limit: number; after: string | null }) {
    const place = at.after === null ? null : readCursor(at.after);
    if (at.after !== null && place === null) return refused('INVALID_REQUEST', NO_CURSOR);
    const found: Session[] = [];
    let lastUser: string | null = null;
    let count = 0;
    for await (const batch of users(filter, place?.userId ?? null)) {
      const lists = await Promise.all(batch.map((userId) => store.liveSessions(userId)));
      const wanted = lists
        .flat()
        .filter((one) => place === null || one.userId !== place.userId || isBehind(one, place.session))
        .filter((one) => fits(one, filter));
      found.push(...wanted);
      count += batch.length;
      lastUser = batch.at(-1) ?? lastUser;
      if (found.length > at.limit) break;
    }
    const shown = found.slice(0, at.limit);
    const last = shown.at(-1);
    if (last && found.length > at.limit) return accepted({ sessions: shown, next: cursorBehind(last) });
    const mayGoOn = filter.userId === undefined && count >= USERS_PER_PAGE && lastUser !== null;
    return accepted({ sessions: shown, next: mayGoOn ? `${lastUser}_${END_OF_USER}` : null });
  }

  async function cancelOne(sessionId: string, dryRun: boolean): Promise<Cancellation> {
    try {
      const session = await store.find(sessionId);
      if (session === null) return { sessionId, userId: null, result: 'not_found' };
      const { userId, status } = session;
      if (status === 'completed') return { sessionId, userId, result: 'completed' };
      if (status !== 'active') return { sessionId, userId, result: 'ended' };
      if (dryRun) return { sessionId, userId, result: 'would_cancel' };
      const outcome = await cancel(session);
      return { sessionId, userId, result: outcome.ok ? 'cancelled' : 'completed' };
    } catch (fault) {
      if (!(fault instanceof SluiceError)) throw fault;
      return { sessionId, userId: null, result: 'failed' };
    }
  }

  async function cancelAll(sessionIds: readonly string[], { dryRun }: { readonly dryRun: boolean }) {
    const done: Cancellation[] = [];
    const queue = sessionIds.entries();
    await Promise.all(
      Array.from({ length: WIDTH }, async () => {
        for (const [at, sessionId] of queue) done[at] = await cancelOne(sessionId, dryRun);
      }),
    );
    return done;
  }

  return { find: (sessionId) => store.find(sessionId), page, cancelAll };
}

const NO_CURSOR = 'The cursor is none that was given out. Begin without one.';
/** Behind the last session of a user. */
const END_OF_USER = '0.00000000-0000-0000-0000-000000000000';

function fits(session: Session, filter: SessionFilter): boolean {
  const { createdBefore = Number.POSITIVE_INFINITY, createdAfter = 0, withoutBytes = false } = filter;
  const { createdAt, uploadOffset } = session;
  return createdAt < createdBefore && createdAt >= createdAfter && !(withoutBytes && uploadOffset > 0);
}

function cursorBehind(session: Session): string {
  return `${session.userId}_${placeOf(session)}`;
}

function readCursor(cursor: string): { readonly userId: string; readonly session: string } | null {
  const [, user = '', session = ''] = /^([\da-f-]{36})_(\d{1,16}\.[\da-f-]{36})$/.exec(cursor) ?? [];
  const userId = parseUuid(user);
  return userId === null ? null : { userId, session };
}
