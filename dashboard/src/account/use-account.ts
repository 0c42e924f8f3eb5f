import type { SluiceClient } from '@sluice/client';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { type AccountState, createAccount } from './account.ts';

export interface UseAccount extends AccountState {
  refresh(): void;
}

export function useAccount(client: SluiceClient): UseAccount {
  const [account] = useState(() => createAccount(client));
  const state = useSyncExternalStore(account.subscribe, account.snapshot);
  useEffect(() => account.follow(), [account]);
  return { ...state, refresh: account.refresh };
}
