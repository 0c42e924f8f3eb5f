import { readFileSync } from 'node:fs';
import { type Deliver, envelope } from './delivery.ts';

/** About so many of the newest events are kept, for readers that were away. */
const MAX_ENTRIES = 10_000;
const DAY_MS = 86_400_000;
/** Longer than an event is retried. */
const MARK_LIFE_MS = 2 * DAY_MS;
/** No key is without an end. */
const STREAM_LIFE_MS = 31 * DAY_MS;
const LIMITS = [MAX_ENTRIES, MARK_LIFE_MS, STREAM_LIFE_MS].map(String);
const TIMEOUT_MS = 2_000;

/** What of a Redis client is needed here. */
interface ScriptRunner {
  eval(script: string, keys: number, ...parameters: string[]): Promise<unknown>;
}

export interface RedisStreamOptions {
  readonly redis: ScriptRunner;
  /** Name of the stream. */
  readonly stream: string;
}

/**
 * Adds events to a Redis stream with the fields `id`, `type` and `event` (JSON, as webhooks get it), for
 * consumers that read with XREAD or XREADGROUP.
 */
export function createRedisStream({ redis, stream }: RedisStreamOptions): Deliver {
  const script = readFileSync(new URL('./redis-stream.lua', import.meta.url), 'utf8');

  return async (event) => {
    const mark = `{${stream}}:told:${event.id}`;
    const fields = [event.id, String(event.attempts), event.kind, envelope(event)];
    const added = redis.eval(script, 2, stream, mark, ...fields, ...LIMITS);
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error('no answer in time')), TIMEOUT_MS);
    try {
      await Promise.race([added, late.promise]);
      return { kind: 'delivered' };
    } catch (error) {
      return { kind: 'failed', reason: `Redis: ${error instanceof Error ? error.message : String(error)}` };
    } finally {
      clearTimeout(timer);
    }
  };
}
