import { pino } from 'pino';
import type { Config } from '../config.ts';
import { SluiceError } from '../core/errors.ts';
import type { Outbox, OutboxRecord, OutboxStatus } from '../core/outbox.ts';
import { openLedger } from '../main/open-stores.ts';
import { type Command, EXIT, failure, print, readArgs, usageFailure } from './command.ts';
import { configurationFor, profileOf } from './configuration.ts';

const STATUSES: readonly OutboxStatus[] = ['pending', 'delivered', 'dead'];
const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 10_000;
/** Events read or replayed in one transaction. */
const PAGE = 500;

export const events: Command = {
  help: `Usage: sluice events list [--status pending|delivered|dead] [--limit <n>]
       sluice events replay <id>…
       sluice events replay --dead

  list     what is in the outbox, newest first: events that are to be delivered, those that were, and those
           that were given up after a day (dead). With --status pending, oldest first
  replay   deliver events once more, from the first attempt on; a running service does it within a second

  --status <status>  only events in this state
  --limit <n>        that many at most (${DEFAULT_LIMIT})
  --dead             all that were given up`,

  async run(args) {
    const { values, positionals } = readArgs(args, {
      status: { type: 'string' },
      limit: { type: 'string' },
      dead: { type: 'boolean' },
    });
    const [action, ...ids] = positionals;
    const config = () => configurationFor(profileOf(values));
    if (action === 'list' && ids.length === 0 && !values.dead) {
      const status = readStatus(values.status);
      const limit = readLimit(values.limit);
      const found = await withOutbox(config(), (outbox) => listAll(outbox, status, limit));
      print(values.json, found.map(toJson), found.map(describe).join('\n'));
      return EXIT.ok;
    }
    if (action === 'replay' && ids.length > 0 !== (values.dead ?? false) && !values.status && !values.limit) {
      const replayed = await withOutbox(config(), (outbox) =>
        values.dead ? replayDead(outbox) : outbox.replay(ids),
      );
      const asked = new Set(ids).size;
      const unknown = values.dead ? 0 : asked - replayed;
      print(values.json, { replayed, unknown }, describeReplay(replayed, unknown, asked));
      return unknown === 0 ? EXIT.ok : EXIT.failed;
    }
    throw usageFailure('events needs "list", or "replay" with either ids or --dead.');
  },
};

/** Runs `work` on the configured ledger's outbox, beside a running service or without one. */
async function withOutbox<T>(config: Config, work: (outbox: Outbox) => Promise<T>): Promise<T> {
  const ledger = await openLedger(config, pino({ level: 'silent' }));
  try {
    return await work(ledger.outbox);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    throw failure(EXIT.unavailable, `${error.message} "sluice doctor" says what is wrong.`);
  } finally {
    await ledger.close();
  }
}

async function listAll(
  outbox: Outbox,
  status: OutboxStatus | undefined,
  limit: number,
): Promise<OutboxRecord[]> {
  const found: OutboxRecord[] = [];
  while (found.length < limit) {
    const last = found.at(-1)?.sequence;
    const page = await outbox.list({
      limit: Math.min(PAGE, limit - found.length),
      ...(status && { status }),
      // What is stuck is what has waited longest.
      ...(status === 'pending' ? { after: last ?? 0 } : last !== undefined && { before: last }),
    });
    found.push(...page);
    if (page.length < PAGE) break;
  }
  return found;
}

async function replayDead(outbox: Outbox): Promise<number> {
  let replayed = 0;
  // What was replayed is dead no longer: the first page is always the one that is left.
  for (;;) {
    const page = await outbox.list({ status: 'dead', limit: PAGE });
    if (page.length === 0) return replayed;
    replayed += await outbox.replay(page.map(({ id }) => id));
  }
}

function describeReplay(replayed: number, unknown: number, asked: number): string {
  if (unknown === asked && asked > 0) {
    return asked === 1
      ? 'There is no such event.'
      : `There are no such events: none of the ${asked} ids is known.`;
  }
  const done = `${replayed} event${replayed === 1 ? ' is' : 's are'} delivered once more.`;
  return unknown === 0
    ? done
    : `${done} Of the ${asked} ids ${unknown} ${unknown === 1 ? 'names' : 'name'} no event.`;
}

function readStatus(text: string | undefined): OutboxStatus | undefined {
  const status = STATUSES.find((one) => one === text);
  if (text !== undefined && status === undefined) {
    throw usageFailure(`--status must be one of ${STATUSES.join(', ')}.`);
  }
  return status;
}

function readLimit(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MAX_LIMIT) throw usageFailure(`--limit must be a number from 1 to ${MAX_LIMIT}.`);
  return limit;
}

function toJson({ payload, ...event }: OutboxRecord) {
  return {
    id: event.id,
    type: event.kind,
    status: event.status,
    timestamp: new Date(event.createdAt).toISOString(),
    attempts: event.attempts,
    next_attempt_at: event.status === 'pending' ? new Date(event.nextAttemptAt).toISOString() : null,
    delivered_at: event.deliveredAt === null ? null : new Date(event.deliveredAt).toISOString(),
    last_error: event.lastError,
    data: JSON.parse(payload),
  };
}

function describe({ id, status, createdAt, attempts, lastError }: OutboxRecord): string {
  const tries = attempts === 0 ? '' : `, ${attempts} attempt${attempts === 1 ? '' : 's'}`;
  const error = lastError === null ? '' : `: ${lastError}`;
  return `${new Date(createdAt).toISOString()}  ${status.padEnd(9)}  ${id}${tries}${error}`;
}
