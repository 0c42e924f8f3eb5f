import type { AccountBook } from './account-book.ts';
import { SluiceError } from './errors.ts';
import type { AccountDirectory, Ledger } from './ports.ts';

/** One wish out of many. `line` is where it stands in the file, for reports. */
export interface LimitChange {
  readonly line: number;
  readonly userId: string;
  /** Bytes; null follows the configured default. */
  readonly limitBytes: number | null;
}

export interface LimitChangeReport extends LimitChange {
  /**
   * `changed` (in a dry run: it would be), `unchanged`: it was so before, `failed`: a store was away and nobody
   * can say whether it was written, `not_tried`: it comes after one that failed.
   */
  readonly result: 'changed' | 'unchanged' | 'failed' | 'not_tried';
  /** The limit that was set before; null where it was the default. */
  readonly previous: number | null;
  /** The user has been here before; else it may be a slip of the pen. */
  readonly known: boolean;
  /** Why it failed. */
  readonly error?: string;
}

export interface BulkQuotas {
  /**
   * Set all these limits, one after the other, each in a transaction of its own: done or not, never half. In
   * force for every admission once its report is given. Doing it again changes nothing. After the first store that
   * is away nothing more is tried.
   */
  apply(
    changes: readonly LimitChange[],
    options: { readonly dryRun: boolean },
  ): AsyncGenerator<readonly LimitChangeReport[]>;
}

/** Changes looked up in one query, and of these worked on at once. */
const BATCH = 128;
const WIDTH = 8;

export function createBulkQuotas(deps: {
  readonly ledger: Ledger & AccountDirectory;
  readonly accountBook: Pick<AccountBook, 'setLimit' | 'reload'>;
}): BulkQuotas {
  const { ledger, accountBook } = deps;

  async function perform(change: LimitChange, unchanged: boolean): Promise<void> {
    // A try before may have reached the ledger alone, so what is written there is brought here all the same.
    if (unchanged) await accountBook.reload(change.userId);
    else await accountBook.setLimit(change.userId, change.limitBytes);
  }

  async function applyBatch(batch: readonly LimitChange[], dryRun: boolean): Promise<LimitChangeReport[]> {
    const limits = await ledger.ownLimits(batch.map(({ userId }) => userId));
    const reports = batch.map((change): LimitChangeReport => {
      const previous = limits.get(change.userId) ?? null;
      const known = limits.has(change.userId);
      const result = previous === change.limitBytes ? 'unchanged' : 'changed';
      return { ...change, result, previous, known };
    });
    if (dryRun) return reports;

    let broken = false;
    const queue = reports.entries();
    await Promise.all(
      Array.from({ length: WIDTH }, async () => {
        for (const [at, report] of queue) {
          if (broken) {
            reports[at] = { ...report, result: 'not_tried' };
            continue;
          }
          try {
            // Who was never here and keeps the default needs no account.
            if (report.known || report.result === 'changed') {
              await perform(report, report.result === 'unchanged');
            }
          } catch (fault) {
            if (!(fault instanceof SluiceError)) throw fault;
            broken = true;
            reports[at] = { ...report, result: 'failed', error: fault.message };
          }
        }
      }),
    );
    return reports;
  }

  return {
    async *apply(changes, { dryRun }) {
      let broken = false;
      for (let at = 0; at < changes.length; at += BATCH) {
        const batch = changes.slice(at, at + BATCH);
        const reports: readonly LimitChangeReport[] = broken
          ? batch.map((change) => ({ ...change, result: 'not_tried', previous: null, known: false }))
          : await applyBatch(batch, dryRun);
        broken ||= reports.some(({ result }) => result === 'failed');
        yield reports;
      }
    },
  };
}
