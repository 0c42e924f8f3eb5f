import { createSqliteSessionStore, type SqliteSessionStore } from '../../../src/stores/sqlite/sessions.ts';
import { admissionOf } from '../session-store/workshop.ts';
import { obeyOrders } from './obedience.ts';

export type SessionOrder =
  | { readonly kind: 'open'; readonly file: string }
  | { readonly kind: 'admit'; readonly userId: string; readonly times: number; readonly bytes: number };

export type SessionAnswer =
  | { readonly kind: 'opened' | 'done' | 'refused' }
  | { readonly kind: 'admitted'; readonly sessionId: string };

/** The account every one of these processes reads from "the ledger". */
export const LIMIT_BYTES = 10_000;

let store: SqliteSessionStore | null = null;

obeyOrders<SessionOrder, SessionAnswer>(async (order, answer) => {
  if (order.kind === 'open') {
    store = createSqliteSessionStore({ file: order.file, clock: Date });
    answer({ kind: 'opened' });
    return;
  }
  const { userId, bytes, times } = order;
  const now = Date.now();
  for (let n = 0; n < times; n += 1) {
    let result = await store?.admit(admissionOf(userId, bytes));
    if (result?.kind === 'need_account') {
      const period = { periodStart: now, periodEnd: now + 86_400_000 };
      const account = { userId, limitBytes: LIMIT_BYTES, usedBytes: 0, ...period, version: 1 };
      await store?.load(account, result.sealed, []);
      result = await store?.admit(admissionOf(userId, bytes));
    }
    if (result?.kind === 'admitted') answer({ kind: 'admitted', sessionId: result.session.sessionId });
    else answer({ kind: 'refused' });
  }
  answer({ kind: 'done' });
});
