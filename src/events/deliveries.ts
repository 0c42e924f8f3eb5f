import type { Background } from '../core/give-way.ts';
import type { Outbox, OutboxEvent } from '../core/outbox.ts';
import { type Deliver, type DeliveryResult, deliverToAll } from './delivery.ts';
import { createRedisStream, type RedisStreamOptions } from './redis-stream.ts';
import { type Log, type OutboxRunner, startOutboxRunner } from './runner.ts';
import { createWebhook, type WebhookOptions } from './webhook.ts';

const DAY_MS = 86_400_000;
/** Delivered together where all of them go to Redis alone, which takes many in one call and does not hang for long. */
const STREAM_WIDTH = 256;

export interface DeliveriesOptions {
  readonly outbox: Outbox;
  /** Null where there is none. */
  readonly stream: RedisStreamOptions | null;
  readonly webhook: WebhookOptions | null;
  /** Length of a quota period: what it told must be remembered to its end. */
  readonly periodMs: number;
  /** What else is done while nobody waits. */
  readonly background: Background;
  readonly log: Log;
  /** Told of each attempt to deliver an event to the webhook, and when it began (milliseconds since the epoch). */
  readonly onWebhookAttempt?: WebhookObserver;
  /** Makes deliveries to the webhook part of a trace. */
  readonly webhookTracer?: WebhookTracer;
}

export interface WebhookTracer {
  wrap(deliver: Deliver): Deliver;
  /** What the request that is just made carries, so that its receiver can go on with the trace. */
  headers(): Readonly<Record<string, string>>;
}

export type WebhookObserver = (event: OutboxEvent, beganAt: number, outcome: DeliveryResult['kind']) => void;

/** Delivers events to whoever is to hear of them. With nobody there, they wait in the outbox. */
export function startDeliveries(options: DeliveriesOptions): OutboxRunner {
  const { outbox, stream, webhook, periodMs, background, log, onWebhookAttempt, webhookTracer } = options;
  const receivers: Deliver[] = [];
  // The stream comes first: it takes an event once, however often the webhook makes it try again.
  if (stream) receivers.push(createRedisStream(stream));
  if (webhook) {
    const bare = createWebhook({ ...webhook, ...(webhookTracer && { headers: webhookTracer.headers }) });
    receivers.push(observed(webhookTracer?.wrap(bare) ?? bare, onWebhookAttempt));
  }
  if (receivers.length === 0) return { stop: async () => {} };
  return startOutboxRunner({
    outbox,
    deliver: deliverToAll(receivers),
    background,
    ...(!webhook && { together: STREAM_WIDTH }),
    retentionMs: periodMs + DAY_MS,
    log,
  });
}

function observed(deliver: Deliver, observe: WebhookObserver | undefined): Deliver {
  if (!observe) return deliver;
  return async (event, signal) => {
    const beganAt = Date.now();
    try {
      const result = await deliver(event, signal);
      observe(event, beganAt, result.kind);
      return result;
    } catch (error) {
      observe(event, beganAt, 'failed');
      throw error;
    }
  };
}
