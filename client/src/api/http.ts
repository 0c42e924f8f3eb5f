import { SluiceApiError, toApiError } from '../errors.ts';
import type { Platform } from '../platform/platform.ts';
import { createPatience, type RetryOptions } from '../retry.ts';
import { type Credentials, createAuthorization } from './authorization.ts';
import { errorFromAnswer } from './problem.ts';

export interface HttpOptions extends Credentials {
  /** Where the service is: `https://uploads.example.org`, also with a path before `/v1`. */
  readonly baseUrl: string;
  readonly retry?: RetryOptions;
  /** Longest wait for one answer that is no upload, in milliseconds. Default 30 000. */
  readonly timeoutMs?: number;
}

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** An `upload_url` carries its own token: nothing else may be sent to it. */
  readonly withoutCredentials?: boolean;
  /** One try only, for callers with a plan of their own. */
  readonly once?: boolean;
  /** Longest wait for the answer, in milliseconds, once there is a token. Default: none. */
  readonly timeoutMs?: number;
}

export interface Exchange<T> {
  readonly body: T;
  readonly headers: Headers;
}

/** JSON over `fetch`: signs requests, repeats what passes by itself, and turns refusals into errors. */
export interface Http {
  /** Absolute address of a path of the API, or of an address that the service told. */
  resolve(address: string): string;
  /** Every request of this package may be repeated: what creates something carries an idempotency key. */
  json<T>(address: string, request?: ApiRequest): Promise<T>;
  /** The same, with the answer's headers. */
  exchange<T>(address: string, request?: ApiRequest): Promise<Exchange<T>>;
  /** The answer itself, for those who read it while it comes in. Refusals throw. */
  open(address: string, request?: ApiRequest): Promise<Response>;
}

export function createHttp(options: HttpOptions, platform: Platform): Http {
  const base = baseOf(options.baseUrl);
  const authorize = createAuthorization(options);
  const resolve = (address: string) => new URL(address.replace(/^\/(?!\/)/, ''), base).href;

  async function open(address: string, request: ApiRequest = {}): Promise<Response> {
    for (let refresh = false; ; refresh = true) {
      const { authorization, credentials } = await authorize(request.withoutCredentials ?? false, refresh);
      const response = await fetch(resolve(address), {
        method: request.method ?? 'GET',
        headers: {
          ...(request.body === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...(authorization === null ? {} : { Authorization: authorization }),
          ...request.headers,
        },
        credentials,
        cache: 'no-store',
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        signal: signalOf(request),
      });
      if (response.ok) return response;
      const refusal = errorFromAnswer({
        status: response.status,
        body: await response.text(),
        header: (name) => response.headers.get(name),
      });
      // An expired token is replaced once; a token that never changes stays refused.
      if (refusal.code !== 'UNAUTHENTICATED' || refresh || !options.getToken) throw refusal;
    }
  }

  async function once<T>(address: string, request: ApiRequest): Promise<Exchange<T>> {
    const response = await open(address, { ...request, timeoutMs: options.timeoutMs ?? 30_000 });
    const text = await response.text();
    try {
      return { body: (text === '' ? undefined : JSON.parse(text)) as T, headers: response.headers };
    } catch (cause) {
      throw new SluiceApiError('UNEXPECTED_RESPONSE', 'The answer is not JSON: check the address.', {
        status: response.status,
        cause,
      });
    }
  }

  async function exchange<T>(address: string, request: ApiRequest = {}): Promise<Exchange<T>> {
    const patience = createPatience(platform, { attempts: 4, ...options.retry });
    const never = new AbortController().signal;
    for (;;) {
      try {
        return await once<T>(address, request);
      } catch (error) {
        if (request.signal?.aborted) throw request.signal.reason;
        const refusal = toApiError(error);
        if (request.once) throw refusal;
        await patience.wait(refusal, request.signal ?? never);
      }
    }
  }

  async function json<T>(address: string, request?: ApiRequest): Promise<T> {
    return (await exchange<T>(address, request)).body;
  }

  return { resolve, exchange, json, open };
}

function baseOf(address: unknown): URL {
  if (typeof address === 'string' && /^https?:/i.test(address) && URL.canParse(address)) {
    return new URL(address.endsWith('/') ? address : `${address}/`);
  }
  throw new TypeError(
    `baseUrl must be the service's http or https address, such as https://uploads.example.org, not ${JSON.stringify(address)}.`,
  );
}

function signalOf({ signal, timeoutMs }: ApiRequest): AbortSignal | null {
  if (timeoutMs === undefined) return signal ?? null;
  const timeout = AbortSignal.timeout(timeoutMs);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}
