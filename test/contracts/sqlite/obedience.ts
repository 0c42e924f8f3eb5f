import { SluiceError } from '../../../src/core/errors.ts';
import type { Report } from './processes.ts';

/** The other end of `startProcess`: obey orders, one after the other, and report faults. */
export function obeyOrders<Order, Answer>(
  obey: (order: Order, answer: (answer: Answer) => void) => Promise<void>,
): void {
  const tell = (message: Answer | Report): void => {
    process.send?.(message);
  };
  let before = Promise.resolve();
  process.on('message', (order: Order) => {
    before = before
      .then(() => obey(order, tell))
      .catch((error: unknown) => tell({ kind: 'fault', message: `${codeOf(error)}: ${error}` }));
  });
  tell({ kind: 'started' });
}

function codeOf(error: unknown): string {
  return error instanceof SluiceError ? error.code : 'fault';
}
