import { toApiError } from '../errors.ts';
import type { Platform } from '../platform/platform.ts';
import { createPatience, type RetryOptions, sleep } from '../retry.ts';
import type { Http } from './http.ts';
import { createStreamReader, type StreamEvent } from './sse.ts';
import type { Quota } from './types.ts';

/** Something happened to one of the caller's sessions. */
export interface SessionEvent {
  readonly type: 'progress' | 'completed' | 'failed' | 'expired' | 'cancelled';
  /** Opaque; give it as `lastEventId` to hear what was missed (the service remembers a minute). */
  readonly id: string;
  readonly session_id: string;
  readonly upload_offset: number;
  readonly upload_length: number | null;
  readonly status: string;
  readonly error_code?: string;
}

export interface QuotaEvent {
  readonly type: 'quota';
  readonly id: string;
  readonly quota: Quota;
}

export type SluiceEvent = SessionEvent | QuotaEvent;

export interface EventsOptions {
  /** Aborting ends the loop without an error. */
  readonly signal?: AbortSignal;
  readonly lastEventId?: string;
}

/** Three heartbeats of the service: a stream that is silent for longer is dead. */
const SILENCE_MS = 45_000;
const RECONNECT_MS = 1000;
const SESSION_EVENTS = new Set(['progress', 'completed', 'failed', 'expired', 'cancelled']);

/** Over `fetch` and not EventSource, which can send no token. */
export function createEvents(http: Http, platform: Platform, retry: RetryOptions = {}) {
  return async function* events(options: EventsOptions = {}): AsyncGenerator<SluiceEvent, void, undefined> {
    const left = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, left.signal]) : left.signal;
    const patience = createPatience(platform, retry);
    let lastEventId = options.lastEventId ?? '';
    try {
      while (!signal.aborted) {
        try {
          const pause = yield* connection(http, lastEventId, signal, (id) => {
            lastEventId = id;
            patience.reset();
          });
          await sleep(pause ?? RECONNECT_MS, signal);
        } catch (error) {
          if (signal.aborted) return;
          await patience.wait(toApiError(error), signal);
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      left.abort();
    }
  };
}

/** Reads one connection to its end; gives back the pause that the service asks for. */
async function* connection(
  http: Http,
  lastEventId: string,
  outer: AbortSignal,
  onEvent: (id: string) => void,
): AsyncGenerator<SluiceEvent, number | null, undefined> {
  const silent = new AbortController();
  const wait = () => setTimeout(() => silent.abort(new Error('the event stream is silent')), SILENCE_MS);
  let timer = wait();
  try {
    const response = await http.open('/v1/dashboard/upload/events', {
      signal: AbortSignal.any([outer, silent.signal]),
      headers: { Accept: 'text/event-stream', ...(lastEventId ? { 'Last-Event-ID': lastEventId } : {}) },
    });
    const reader = createStreamReader(lastEventId);
    const body = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done = true, value } = (await body?.read()) ?? {};
      if (done || value === undefined) return reader.retryMs();
      clearTimeout(timer);
      timer = wait();
      for (const event of reader.push(value)) {
        onEvent(event.id);
        const known = parse(event);
        if (known) yield known;
      }
    }
  } finally {
    clearTimeout(timer);
    silent.abort();
  }
}

/** Null for events of a newer service. */
function parse({ event, data, id }: StreamEvent): SluiceEvent | null {
  if (event === 'quota') return { type: 'quota', id, quota: JSON.parse(data) as Quota };
  if (!SESSION_EVENTS.has(event)) return null;
  return {
    ...(JSON.parse(data) as Omit<SessionEvent, 'type' | 'id'>),
    type: event as SessionEvent['type'],
    id,
  };
}
