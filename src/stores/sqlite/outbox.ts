import type { Outbox, OutboxBacklog } from '../../core/outbox.ts';
import type { Clock } from '../../core/ports.ts';
import { integer, integerOrNull } from '../sql/columns.ts';
import { toRecord } from '../sql/outbox-record.ts';
import type { Database } from './database.ts';

const PENDING = 'delivered_at IS NULL AND dead_at IS NULL';

/** The delivering side of `outbox`. */
export function createSqliteOutbox(db: Database, clock: Clock): Outbox & OutboxBacklog {
  const claim = db.prepare(
    `UPDATE outbox SET attempts = attempts + 1, next_attempt_at = :leasedUntil
     WHERE sequence IN (
       SELECT sequence FROM outbox AS o
       WHERE ${PENDING} AND next_attempt_at <= :now
         AND NOT EXISTS (
           SELECT 1 FROM outbox AS earlier
           WHERE earlier.subject = o.subject AND earlier.sequence < o.sequence
             AND earlier.delivered_at IS NULL AND earlier.dead_at IS NULL
         )
       ORDER BY next_attempt_at, sequence LIMIT :limit
     )
     RETURNING *`,
  );
  const delivered = db.prepare(
    `UPDATE outbox SET delivered_at = :now, dead_at = NULL, last_error = NULL
     WHERE id = :id AND delivered_at IS NULL`,
  );
  // Only for the attempt that failed: who claimed the event since has a later number.
  const failed = db.prepare(
    `UPDATE outbox SET last_error = :reason, next_attempt_at = coalesce(:retryAt, next_attempt_at), dead_at = :deadAt
     WHERE id = :id AND attempts = :attempts AND ${PENDING}`,
  );
  const inOrder = (order: 'ASC' | 'DESC') =>
    db.prepare(
      `SELECT * FROM outbox
       WHERE (:status IS NULL OR :status = CASE WHEN delivered_at IS NOT NULL THEN 'delivered'
                                                WHEN dead_at IS NOT NULL THEN 'dead' ELSE 'pending' END)
         AND (:before IS NULL OR sequence < :before) AND (:after IS NULL OR sequence > :after)
       ORDER BY sequence ${order} LIMIT :limit`,
    );
  const [newestFirst, oldestFirst] = [inOrder('DESC'), inOrder('ASC')];
  const replay = db.prepare(
    `UPDATE outbox SET attempts = 0, next_attempt_at = :now, delivered_at = NULL, dead_at = NULL, last_error = NULL
     WHERE id IN (SELECT value FROM json_each(:ids))`,
  );
  const prune = db.prepare(
    `DELETE FROM outbox WHERE sequence IN (
       SELECT sequence FROM outbox WHERE delivered_at IS NOT NULL AND created_at < :before LIMIT :limit
     )`,
  );

  const backlog = db.prepare(
    `SELECT count(*) AS pending, min(created_at) AS oldest FROM outbox WHERE ${PENDING}`,
  );

  // A power cut may undo a claim or what became of it: the event is delivered once more, with the same id.
  return {
    claim: (limit, leaseMs) =>
      db.writeLoosely(() => {
        const now = clock.now();
        const rows = claim.all({ now, leasedUntil: now + leaseMs, limit });
        return rows.map(toRecord).sort((a, b) => a.sequence - b.sequence);
      }),

    delivered: (...ids) =>
      db.writeLoosely(() => {
        const now = clock.now();
        for (const id of ids) delivered.run({ id, now });
      }),

    failed: ({ id, attempts }, reason, retryInMs) =>
      db.writeLoosely(() => {
        const now = clock.now();
        const [retryAt, deadAt] = retryInMs === null ? [null, now] : [now + retryInMs, null];
        failed.run({ id, attempts, reason, retryAt, deadAt });
      }),

    list: ({ status = null, before = null, after, limit }) =>
      db.read(() => {
        const list = after === undefined ? newestFirst : oldestFirst;
        return list.all({ status, before, after: after ?? null, limit }).map(toRecord);
      }),

    replay: (ids) =>
      db.write(() => Number(replay.run({ ids: JSON.stringify(ids), now: clock.now() }).changes)),

    prune: (ageMs, limit) =>
      db.writeLoosely(() => Number(prune.run({ before: clock.now() - ageMs, limit }).changes)),

    backlog: () =>
      db.read(() => {
        const row = backlog.get() ?? {};
        const now = clock.now();
        return { pending: integer(row, 'pending'), oldestMs: now - (integerOrNull(row, 'oldest') ?? now) };
      }),
  };
}
