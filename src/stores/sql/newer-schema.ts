import { SluiceError } from '../../core/errors.ts';

/** `code` of the cause where a database was written by a newer program: no further try mends that. */
export const NEWER_SCHEMA = 'SLUICE_NEWER_SCHEMA';

/** An older program must not write into a schema it does not know. */
export function refuseNewerSchema(applied: ReadonlySet<string>, known: readonly string[]): void {
  const unknown = [...applied].filter((name) => !known.includes(name)).sort();
  if (unknown.length === 0) return;
  throw new SluiceError(
    'LEDGER_UNAVAILABLE',
    'The database was written by a newer version of this program. Start that version, or a newer one.',
    { cause: Object.assign(new Error(`unknown migrations: ${unknown.join(', ')}`), { code: NEWER_SCHEMA }) },
  );
}
