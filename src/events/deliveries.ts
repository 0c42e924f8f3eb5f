import type { Outbox } from '../core/outbox.ts';
import { type Deliver, deliverToAll } from './delivery.ts';
import { createRedisStream, type RedisStreamOptions } from './redis-stream.ts';
import { type Log, type OutboxRunner, startOutboxRunner } from './runner.ts';
import { createWebhook, type WebhookOptions } from './webhook.ts';

const DAY_MS = 86_400_000;

export interface DeliveriesOptions {
  readonly outbox: Outbox;
  /** Null where there is none. */
  readonly stream: RedisStreamOptions | null;
  readonly webhook: WebhookOptions | null;
  /** Length of a quota period: what it told must be remembered to its end. */
  readonly periodMs: number;
  readonly log: Log;
}

/** Delivers events to whoever is to hear of them. With nobody there, they wait in the outbox. */
export function startDeliveries({ outbox, stream, webhook, periodMs, log }: DeliveriesOptions): OutboxRunner {
  const receivers: Deliver[] = [];
  // The stream comes first: it takes an event once, however often the webhook makes it try again.
  if (stream) receivers.push(createRedisStream(stream));
  if (webhook) receivers.push(createWebhook(webhook));
  if (receivers.length === 0) return { stop: async () => {} };
  return startOutboxRunner({
    outbox,
    deliver: deliverToAll(receivers),
    retentionMs: periodMs + DAY_MS,
    log,
  });
}
