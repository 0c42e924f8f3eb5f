import { gatherCalls } from '../core/gather.ts';
import type { OutboxEvent } from '../core/outbox.ts';
import type { TextCipher } from '../core/ports.ts';
import { type Deliver, envelope } from './delivery.ts';
import { readRedisScript, type ScriptRunner } from './redis-script.ts';

/** About so many of the newest events are kept, for readers that were away. */
const MAX_ENTRIES = 10_000;
const DAY_MS = 86_400_000;
/** Longer than an event is retried. */
const MARK_LIFE_MS = 2 * DAY_MS;
/** No key is without an end. */
const STREAM_LIFE_MS = 31 * DAY_MS;
const LIMITS = [MAX_ENTRIES, MARK_LIFE_MS, STREAM_LIFE_MS].map(String);
const TIMEOUT_MS = 2_000;
/** Events of one script: enough to share its cost, few enough that nobody at Redis waits a millisecond for it. */
const MOST_AT_ONCE = 64;

export interface RedisStreamOptions {
  readonly redis: ScriptRunner;
  /** Name of the stream. */
  readonly stream: string;
  /** Seals what users told about their files; null where it stands in the stream as it is. */
  readonly cipher: TextCipher | null;
}

/** What the session store keeps encrypted, too. */
const TOLD_BY_USERS = ['filename', 'dashboard_context'] as const;

/**
 * The event with those members sealed together in one, `sealed`. Bound to the session and to its place in the
 * stream: it opens neither in another session nor as the session's own data.
 */
function seal(event: OutboxEvent, cipher: TextCipher): OutboxEvent {
  const data: Record<string, unknown> = JSON.parse(event.payload);
  const told = TOLD_BY_USERS.filter((name) => name in data).map((name) => [name, data[name]] as const);
  if (told.length === 0) return event;
  for (const [name] of told) delete data[name];
  const sealed = cipher.seal(JSON.stringify(Object.fromEntries(told)), `event:${event.subject}`);
  return { ...event, payload: JSON.stringify({ ...data, sealed }) };
}

/**
 * Adds events to a Redis stream with the fields `id`, `type` and `event` (JSON, as webhooks get it), for
 * consumers that read with XREAD or XREADGROUP. Those that come in one turn are added together, in their order.
 */
export function createRedisStream({ redis, stream, cipher }: RedisStreamOptions): Deliver {
  const run = readRedisScript(redis, new URL('./redis-stream.lua', import.meta.url));

  const add = gatherCalls<Addition>(MOST_AT_ONCE, async (added) => {
    const marks = added.map(({ event }) => `{${stream}}:told:${event.id}`);
    const told = added.flatMap(({ event, json }) => [event.id, String(event.attempts), event.kind, json]);
    await inTime(run([stream, ...marks], [...LIMITS, ...told]));
  });

  return async (event) => {
    const json = envelope(cipher ? seal(event, cipher) : event);
    try {
      await add({ event, json });
      return { kind: 'delivered' };
    } catch (error) {
      return { kind: 'failed', reason: `Redis: ${error instanceof Error ? error.message : String(error)}` };
    }
  };
}

interface Addition {
  readonly event: OutboxEvent;
  readonly json: string;
}

async function inTime(added: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error('no answer in time')), TIMEOUT_MS);
  try {
    await Promise.race([added, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
