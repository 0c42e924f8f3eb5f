import { SluiceError } from '../../../src/core/errors.ts';
import { createSqliteLedger, type SqliteLedger } from '../../../src/stores/sqlite/ledger.ts';
import { settlementOf } from './harness.ts';
import type { Answer, Order } from './sqlite-processes.ts';

/** The other end of `startLedgerProcess`: a process of its own on the same file. */
let ledger: SqliteLedger | null = null;

async function obey(order: Order): Promise<void> {
  if (order.kind === 'open') {
    ledger = createSqliteLedger({
      file: order.file,
      clock: Date,
      defaultLimitBytes: 1_000_000,
      periodMs: 86_400_000,
    });
    answer({ kind: 'opened' });
  } else {
    for (const id of order.sessions) {
      const settlement = settlementOf(id, order.userId, order.bytes);
      const dashboardContext = order.contextLength
        ? 'x'.repeat(order.contextLength)
        : settlement.dashboardContext;
      const result = await ledger?.settle({ ...settlement, dashboardContext });
      if (result?.kind === 'settled') answer({ kind: 'settled', sessionId: id });
    }
    answer({ kind: 'done' });
  }
}

function codeOf(error: unknown): string {
  return error instanceof SluiceError ? error.code : 'fault';
}

function answer(message: Answer): void {
  process.send?.(message);
}

process.on('message', (order: Order) => {
  obey(order).catch((error: unknown) => answer({ kind: 'fault', message: `${codeOf(error)}: ${error}` }));
});
answer({ kind: 'started' });
