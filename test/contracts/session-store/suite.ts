import { accountsContract } from './accounts.ts';
import { admissionContract } from './admission.ts';
import { directoryContract } from './directory.ts';
import { dueContract } from './due.ts';
import { endingsContract } from './endings.ts';
import { expiringContract } from './expiring.ts';
import { growingContract } from './growing.ts';
import type { MakeHarness } from './harness.ts';
import { lostAccountContract } from './lost-account.ts';
import { mergingContract } from './merging.ts';
import { modelContract } from './model-run.ts';
import { partsContract } from './parts.ts';
import { repetitionContract } from './repetition.ts';
import { promisesOf } from './workshop.ts';
import { writersContract } from './writers.ts';

/** Everything core/ports.ts promises of a session store, run on the adapter that `makeHarness` makes. */
export function sessionStoreContract(
  name: string,
  makeHarness: MakeHarness,
  options: { readonly losesAccounts?: boolean } = {},
): void {
  const promise = promisesOf(name, makeHarness);
  admissionContract(promise);
  repetitionContract(promise);
  writersContract(promise);
  growingContract(promise);
  endingsContract(promise);
  accountsContract(promise);
  dueContract(promise);
  expiringContract(promise);
  directoryContract(promise);
  partsContract(promise);
  mergingContract(promise);
  if (options.losesAccounts) lostAccountContract(promise);
  modelContract(name, makeHarness);
}
