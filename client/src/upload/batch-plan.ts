import type { Quota, SessionStatus } from '../api/types.ts';
import { resumableSessions } from './resumable.ts';

export interface PlannedFile<F extends Blob = File> {
  readonly file: F;
  /** `resume`: its bytes are reserved already, by `session`. `does_not_fit`: the quota is full before its turn. */
  readonly verdict: 'new' | 'resume' | 'does_not_fit';
  readonly session: SessionStatus | null;
}

/** What a batch would do to the quota, before the first byte. */
export interface BatchPlan {
  readonly quota: Quota;
  /** Bytes that the batch would add to used and reserved ones. */
  readonly requiredBytes: number;
  readonly fits: boolean;
  /** In the order given. Files are let in greedily in that order: a smaller one behind may still fit. */
  readonly files: readonly PlannedFile[];
}

export function planBatch(
  files: readonly File[],
  quota: Quota,
  sessions: readonly SessionStatus[],
): BatchPlan {
  const taken = new Set<string>();
  let room = quota.quota_remaining;
  let requiredBytes = 0;
  const planned = files.map((file): PlannedFile => {
    const session = resumableSessions(sessions, { filename: file.name, size: file.size }).find(
      (candidate) => !taken.has(candidate.session_id),
    );
    if (session) {
      taken.add(session.session_id);
      return { file, verdict: 'resume', session };
    }
    requiredBytes += file.size;
    if (file.size > room) return { file, verdict: 'does_not_fit', session: null };
    room -= file.size;
    return { file, verdict: 'new', session: null };
  });
  return {
    quota,
    requiredBytes,
    fits: planned.every((entry) => entry.verdict !== 'does_not_fit'),
    files: planned,
  };
}
