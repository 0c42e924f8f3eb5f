import { readFileSync } from 'node:fs';
import { gatherCalls } from '../../core/gather.ts';
import type { NewOutboxEvent, Outbox, OutboxBacklog, OutboxStatus } from '../../core/outbox.ts';
import type { Ledger } from '../../core/ports.ts';
import { integer } from '../sql/columns.ts';
import { toRecord } from '../sql/outbox-record.ts';
import type { Pool } from './pool.ts';

const statement = (name: string): string =>
  readFileSync(new URL(`./outbox/${name}.sql`, import.meta.url), 'utf8');

/** Events of one statement. */
const MOST_AT_ONCE = 256;

/** Each as an index of its own has it. */
const IS = {
  pending: 'delivered_at is null and dead_at is null',
  delivered: 'delivered_at is not null',
  dead: 'dead_at is not null',
} as const satisfies Record<OutboxStatus, string>;

export function createPostgresOutbox(pool: Pool): Outbox & OutboxBacklog & Pick<Ledger, 'record'> {
  const delivered = statement('delivered');
  const failed = statement('failed');
  const prune = statement('prune');
  const record = statement('record');
  const replay = statement('replay');

  // A sweep tells of hundreds at once, some together and some one by one.
  const tell = gatherCalls<readonly NewOutboxEvent[]>(MOST_AT_ONCE, (lists) =>
    pool.operation(async (query) => {
      await query(record, [JSON.stringify(lists.flat())]);
    }),
  );

  return {
    claim: (limit, leaseMs) =>
      pool.operation(async (query) => {
        const rows = await query('select * from claim_events($1, $2)', [limit, leaseMs]);
        return rows.map(toRecord).sort((a, b) => a.sequence - b.sequence);
      }),

    delivered: (...ids) =>
      pool.operation(async (query) => {
        await query(delivered, [JSON.stringify(ids)]);
      }),

    failed: ({ id, attempts }, reason, retryInMs) =>
      pool.operation(async (query) => {
        await query(failed, [id, attempts, storable(reason), retryInMs]);
      }),

    list: ({ status, before, after, limit }) =>
      pool.operation(async (query) => {
        const rows = await query(
          `select * from outbox
            where ${status === undefined ? 'true' : IS[status]} and ($1::bigint is null or sequence < $1)
              and ($2::bigint is null or sequence > $2)
            order by sequence ${after === undefined ? 'desc' : 'asc'}
            limit $3::bigint`,
          [before ?? null, after ?? null, limit],
        );
        return rows.map(toRecord);
      }),

    replay: (ids) => pool.operation(async (query) => (await query(replay, [JSON.stringify(ids)])).length),

    prune: (ageMs, limit) => pool.operation(async (query) => (await query(prune, [ageMs, limit])).length),

    backlog: () =>
      pool.operation(async (query) => {
        const [row = {}] = await query(
          `select count(*) as pending, coalesce(ledger_now() - min(created_at), 0) as oldest
             from outbox where ${IS.pending}`,
          [],
        );
        return { pending: integer(row, 'pending'), oldestMs: integer(row, 'oldest') };
      }),

    record: (...events) => tell(events),
  };
}

/** PostgreSQL's text holds every character but NUL. */
function storable(value: string): string {
  return value.replaceAll('\0', '\uFFFD');
}
