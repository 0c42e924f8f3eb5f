import type { OutboxEvent, OutboxRecord } from '../../core/outbox.ts';
import { integer, integerOrNull, type Row, text, textOrNull } from './columns.ts';

/** A row of the table `outbox`, which has the same columns in both databases. */
export function toRecord(row: Row): OutboxRecord {
  const deliveredAt = integerOrNull(row, 'delivered_at');
  const pending = row.dead_at === null ? 'pending' : 'dead';
  return {
    ...toEvent(row),
    sequence: integer(row, 'sequence'),
    status: deliveredAt === null ? pending : 'delivered',
    nextAttemptAt: integer(row, 'next_attempt_at'),
    deliveredAt,
    lastError: textOrNull(row, 'last_error'),
  };
}

function toEvent(row: Row): OutboxEvent {
  return {
    id: text(row, 'id'),
    kind: text(row, 'kind'),
    subject: text(row, 'subject'),
    payload: text(row, 'payload'),
    createdAt: integer(row, 'created_at'),
    attempts: integer(row, 'attempts'),
  };
}
