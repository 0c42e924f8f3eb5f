import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { http } from '../core/node-http.ts';
import { type Deliver, type DeliveryResult, envelope } from './delivery.ts';
import { createPublicLookup, guardPeer, literalAddress, privateAddressError } from './guarded-connection.ts';
import { isPublicAddress } from './public-address.ts';
import { signatures } from './signature.ts';

/** From the first packet to the end of the answer. */
const TIMEOUT_MS = 10_000;
/** What is read of an answer; only its status matters. */
const MAX_ANSWER_BYTES = 64 * 1024;

export interface WebhookOptions {
  /** `https://…`, or `http://…` where the network is trusted. */
  readonly url: string;
  /** Every event is signed with each of them. */
  readonly keys: readonly Buffer[];
  /** Deliver to addresses inside as well. */
  readonly allowPrivate: boolean;
  readonly timeoutMs?: number;
  /** Further headers of the request that is just made. */
  readonly headers?: () => Readonly<Record<string, string>>;
  /** How names are resolved, where not as the system does. */
  readonly lookup?: LookupFunction;
}

/**
 * POSTs events as Standard Webhooks 1.0.0 says: a 2xx answer is the receipt, anything else, redirects too, is
 * a failure. Each delivery has a connection of its own.
 */
export function createWebhook(options: WebhookOptions): Deliver {
  const { keys, allowPrivate, timeoutMs = TIMEOUT_MS } = options;
  const url = new URL(options.url);
  const lookup = options.lookup ?? (allowPrivate ? undefined : createPublicLookup());
  const send = url.protocol === 'https:' ? requestHttps : http.request;

  function open(event: Parameters<Deliver>[0], signal: AbortSignal): ClientRequest {
    const literal = literalAddress(url);
    if (!allowPrivate && literal !== null && !isPublicAddress(literal)) throw privateAddressError(literal);

    const body = envelope(event);
    const timestamp = Math.floor(Date.now() / 1000);
    const request = send(url, {
      method: 'POST',
      agent: false,
      signal,
      ...(lookup && { lookup }),
      headers: {
        ...options.headers?.(),
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'user-agent': 'Sluice',
        'webhook-id': event.id,
        'webhook-timestamp': timestamp,
        'webhook-signature': signatures(keys, { id: event.id, timestamp, body }),
      },
    });
    if (!allowPrivate) guardPeer(request);
    request.end(body);
    return request;
  }

  return async (event, signal) => {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const answer = await answerTo(open(event, AbortSignal.any([signal, timeout])));
      return resultOf(answer);
    } catch (error) {
      if (timeout.aborted) return failed(`no answer within ${timeoutMs / 1000} s`);
      if (signal.aborted) return failed('the service was stopped');
      if (error instanceof Error) return failed(reasonOf(error));
      throw error;
    }
  };
}

/** The answer's head, once its body has ended, has become too long, or takes no more. */
function answerTo(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (answer) => {
      let received = 0;
      const done = () => {
        resolve(answer);
        request.destroy();
      };
      answer.on('data', (bytes: Buffer) => {
        received += bytes.length;
        if (received > MAX_ANSWER_BYTES) done();
      });
      answer.on('end', done);
      // The status was there, and nothing else matters: what breaks now, the time limit too, is no failure.
      answer.on('error', done);
      request.off('error', reject);
      request.on('error', done);
    });
  });
}

function resultOf({ statusCode = 0, headers }: IncomingMessage): DeliveryResult {
  if (statusCode >= 200 && statusCode < 300) return { kind: 'delivered' };
  const redirect = statusCode >= 300 && statusCode < 400 ? '; redirects are not followed' : '';
  const result = failed(`answered ${statusCode}${redirect}`);
  const retryAfterMs = readRetryAfter(headers['retry-after']);
  return retryAfterMs === null ? result : { ...result, retryAfterMs };
}

/** RFC 9110, section 10.2.3: seconds, or a date. */
function readRetryAfter(value: string | undefined): number | null {
  if (value === undefined) return null;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const ms = Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}

function failed(reason: string) {
  return { kind: 'failed', reason } as const;
}

/** Of several addresses each may have failed; Node tells of them in one error without a message. */
function reasonOf(error: Error): string {
  const inner = error instanceof AggregateError ? error.errors[0] : undefined;
  return inner instanceof Error ? inner.message : error.message;
}
