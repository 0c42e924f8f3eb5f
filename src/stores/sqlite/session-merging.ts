import type { Concatenation, JoinedBytes, MergeResult } from '../../core/ports.ts';
import { statusAt } from '../../core/session.ts';
import { asSeen, type SessionRow, UNTIL_DECIDED } from './session-rows.ts';
import type { SessionTables } from './session-tables.ts';

/** `Concatenation`: the rows of partial uploads end, and that of their final upload takes over what they reserve. */
export function createSessionMerging({ db, clock, sessions, parts }: SessionTables): Concatenation {
  function merge(
    sessionId: string,
    epoch: number,
    joined: JoinedBytes,
    partialIds: readonly string[],
  ): MergeResult {
    const now = clock.now();
    const row = sessions.get(sessionId, now);
    if (!row) return { kind: 'not_found' };
    if (statusAt(row, now) !== 'active') return { kind: 'ended', session: asSeen(row, now) };
    if (row.epoch !== epoch) return { kind: 'fenced' };
    if (row.sealed) {
      // The same merge once more: its reply was lost.
      const same = joined.offset === row.uploadOffset;
      return same ? { kind: 'merged', session: asSeen(row, now) } : { kind: 'fenced' };
    }

    const partials: SessionRow[] = [];
    for (const id of partialIds) {
      const partial = sessions.get(id, now);
      if (!partial || partial.userId !== row.userId || !isFull(partial, now)) {
        return { kind: 'unfit', sessionId: id };
      }
      partials.push(partial);
    }
    const bytes = partials.reduce((sum, { uploadOffset }) => sum + uploadOffset, 0);
    if (bytes !== joined.offset) return { kind: 'unfit', sessionId };

    for (const partial of partials) sessions.save(merged(partial, sessionId, now));
    parts.add(sessionId, joined.parts ?? []);
    return { kind: 'merged', session: asSeen(sessions.save(sealed(row, joined)), now) };
  }

  return {
    // Durable for the same reason as a seal: see `commit`.
    merge: (sessionId, epoch, joined, partials) =>
      db.writeDurably(() => merge(sessionId, epoch, joined, partials)),
  };
}

function isFull(row: SessionRow, now: number): boolean {
  const length = row.uploadLength ?? row.expectedFileSize;
  return statusAt(row, now) === 'active' && !row.sealed && row.uploadOffset === length;
}

function merged(partial: SessionRow, mergedInto: string, now: number): SessionRow {
  return {
    ...partial,
    mergedInto,
    status: 'cancelled',
    epoch: partial.epoch + 1,
    reservedBytes: 0,
    reservedUntil: null,
    endedAt: now,
    dueAt: now,
  };
}

function sealed(row: SessionRow, joined: JoinedBytes): SessionRow {
  return {
    ...row,
    uploadOffset: joined.offset,
    uploadLength: row.uploadLength ?? joined.offset,
    storage: joined.storage,
    detectedFormat: joined.detectedFormat ?? row.detectedFormat,
    sealed: true,
    reservedBytes: joined.offset,
    reservedUntil: UNTIL_DECIDED,
  };
}
