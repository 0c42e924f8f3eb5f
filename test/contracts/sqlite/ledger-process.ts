import { createSqliteLedger, type SqliteLedger } from '../../../src/stores/sqlite/ledger.ts';
import { settlementOf } from '../ledger/harness.ts';
import { obeyOrders } from './obedience.ts';

export type LedgerOrder =
  | { readonly kind: 'open'; readonly file: string }
  | {
      readonly kind: 'settle';
      readonly userId: string;
      readonly sessions: readonly string[];
      readonly bytes: number;
      /** Length of the dashboard's context, where it is not to be a usual one. */
      readonly contextLength?: number;
    };

export type LedgerAnswer =
  | { readonly kind: 'opened' | 'done' }
  | { readonly kind: 'settled'; readonly sessionId: string };

let ledger: SqliteLedger | null = null;

obeyOrders<LedgerOrder, LedgerAnswer>(async (order, answer) => {
  if (order.kind === 'open') {
    const { file } = order;
    ledger?.close();
    ledger = createSqliteLedger({ file, clock: Date, defaultLimitBytes: 1_000_000, periodMs: 86_400_000 });
    answer({ kind: 'opened' });
    return;
  }
  for (const sessionId of order.sessions) {
    const usual = settlementOf(sessionId, order.userId, order.bytes);
    const dashboardContext = order.contextLength ? 'x'.repeat(order.contextLength) : usual.dashboardContext;
    const result = await ledger?.settle({ ...usual, dashboardContext });
    if (result?.kind === 'settled') answer({ kind: 'settled', sessionId });
  }
  answer({ kind: 'done' });
});
