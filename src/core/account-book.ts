import { SluiceError } from './errors.ts';
import type { Accounts, Ledger, NeedAccount } from './ports.ts';
import type { Account, QuotaSnapshot } from './quota.ts';

/** Each try reads the ledger once; only a user whose uploads finish at this very moment needs a second. */
const LOAD_TRIES = 8;

export interface AccountBook {
  /** Call `attempt` until it no longer needs the account, loading it from the ledger in between. */
  withAccount<T extends { readonly kind: string }>(
    userId: string,
    attempt: () => Promise<T | NeedAccount>,
  ): Promise<T>;
  quota(userId: string): Promise<QuotaSnapshot>;
  setLimit(userId: string, limitBytes: number | null): Promise<QuotaSnapshot>;
  resetPeriod(userId: string): Promise<QuotaSnapshot>;
  /** Bring the ledger's account here as it is now, whatever is here. */
  reload(userId: string): Promise<void>;
}

/** Keeps the fast accounts (next to the sessions) equal to the ledger's. */
export function createAccountBook({ store, ledger }: { store: Accounts; ledger: Ledger }): AccountBook {
  const underWay = new Map<string, Promise<void>>();

  async function load(userId: string, sealed: readonly string[]): Promise<void> {
    let asked = sealed;
    for (let tries = 0; tries < LOAD_TRIES; tries += 1) {
      const { account, settled } = await ledger.account(userId, asked);
      const result = await store.load(account, asked, settled);
      if (result.kind === 'loaded') return;
      asked = result.sealed;
    }
    throw new SluiceError(
      'LEDGER_UNAVAILABLE',
      'The account is being changed too fast. Try again in a second.',
      {
        retryAfterSeconds: 1,
      },
    );
  }

  /**
   * However many calls meet a cold account at once, this process reads the ledger for one of them. Whoever joins
   * asks the store again after that, so it does not matter when the read began.
   */
  function loadTogether(userId: string, sealed: readonly string[]): Promise<void> {
    const running = underWay.get(userId);
    if (running) return running;
    const started = load(userId, sealed).finally(() => underWay.delete(userId));
    underWay.set(userId, started);
    return started;
  }

  async function withAccount<T extends { readonly kind: string }>(
    userId: string,
    attempt: () => Promise<T | NeedAccount>,
  ): Promise<T> {
    for (let tries = 0; tries < LOAD_TRIES; tries += 1) {
      const result = await attempt();
      if (!isNeedAccount(result)) return result;
      await loadTogether(userId, result.sealed);
    }
    throw new SluiceError('LEDGER_UNAVAILABLE', 'The account could not be loaded. Try again in a second.', {
      retryAfterSeconds: 1,
    });
  }

  async function quota(userId: string): Promise<QuotaSnapshot> {
    const known = await withAccount(userId, () => store.read(userId));
    return known.quota;
  }

  /** After a change in the ledger: bring it here at once, so that the next admission already obeys it. */
  async function changed(userId: string, change: () => Promise<Account>): Promise<QuotaSnapshot> {
    await change();
    await reload(userId);
    return quota(userId);
  }

  async function reload(userId: string): Promise<void> {
    const before = await store.read(userId);
    await load(userId, before.sealed);
  }

  return {
    withAccount,
    quota,
    reload,
    setLimit: (userId, limitBytes) => changed(userId, () => ledger.setLimit(userId, limitBytes)),
    resetPeriod: (userId) => changed(userId, () => ledger.resetPeriod(userId)),
  };
}

function isNeedAccount(result: { readonly kind: string }): result is NeedAccount {
  return result.kind === 'need_account';
}
