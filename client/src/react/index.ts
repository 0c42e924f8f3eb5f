/** `@sluice/client/react` */
import { useCallback, useEffect, useState, useSyncExternalStore } from 'react';
import type { Quota } from '../api/types.ts';
import type { SluiceClient } from '../client.ts';
import { type SluiceApiError, toApiError } from '../errors.ts';
import type { UploadSnapshot } from '../upload/snapshot.ts';
import { createUploadList, type UploadList } from './upload-list.ts';

export type { UploadList } from './upload-list.ts';

export interface UseUpload extends Omit<UploadList, 'snapshot' | 'subscribe'> {
  readonly uploads: readonly UploadSnapshot[];
}

const NONE: readonly UploadSnapshot[] = [];

/** The uploads that this component started. They go on when it is unmounted. `client` should not change. */
export function useUpload(client: SluiceClient): UseUpload {
  const [list] = useState(() => createUploadList(client));
  const uploads = useSyncExternalStore(list.subscribe, list.snapshot, () => NONE);
  const { start, pause, resume, retry, cancel, remove } = list;
  return { uploads, start, pause, resume, retry, cancel, remove };
}

export interface UseQuota {
  /** Null until it is known. */
  readonly quota: Quota | null;
  /** Why the last question was not answered; the quota of before stays. */
  readonly error: SluiceApiError | null;
  refresh(): void;
}

/** The user's quota: asked for at first, and whenever an upload of this client begins or ends. */
export function useQuota(client: SluiceClient): UseQuota {
  const [known, setKnown] = useState<Pick<UseQuota, 'quota' | 'error'>>({ quota: null, error: null });
  const [asked, setAsked] = useState(0);
  const refresh = useCallback(() => setAsked((count) => count + 1), []);

  useEffect(
    () =>
      client.onUpload(({ state }) => {
        if (state !== 'hashing' && state !== 'paused' && state !== 'verifying') refresh();
      }),
    [client, refresh],
  );

  // biome-ignore lint/correctness/useExhaustiveDependencies: every `asked` is another question.
  useEffect(() => {
    const left = new AbortController();
    client.quota({ signal: left.signal }).then(
      (quota) => setKnown({ quota, error: null }),
      (error) => {
        if (!left.signal.aborted) setKnown((before) => ({ ...before, error: toApiError(error) }));
      },
    );
    return () => left.abort();
  }, [client, asked]);

  return { ...known, refresh };
}
