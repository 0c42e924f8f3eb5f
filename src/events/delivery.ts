import type { OutboxEvent } from '../core/outbox.ts';

export type DeliveryResult =
  | { readonly kind: 'delivered' }
  /** `reason` is for the operator. `retryAfterMs`: the receiver asked for at least so much patience. */
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs?: number };

/**
 * Brings an event to its receiver, which may get it more than once, always with the same id. Once `signal` is
 * aborted it gives up soon. Throws only where this program is wrong.
 */
export type Deliver = (event: OutboxEvent, signal: AbortSignal) => Promise<DeliveryResult>;

/** To each in turn; the first that fails ends the attempt, and the next attempt begins with the first again. */
export function deliverToAll(receivers: readonly Deliver[]): Deliver {
  return async (event, signal) => {
    for (const deliver of receivers) {
      const result = await deliver(event, signal);
      if (result.kind === 'failed') return result;
    }
    return { kind: 'delivered' };
  };
}

/** What receivers get as JSON: the payload stands in it byte for byte as it was written down. */
export function envelope({ kind, createdAt, payload }: OutboxEvent): string {
  return `{"type":${JSON.stringify(kind)},"timestamp":"${new Date(createdAt).toISOString()}","data":${payload}}`;
}
