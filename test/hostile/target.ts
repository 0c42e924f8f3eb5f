import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before } from 'node:test';
import { type JWTPayload, SignJWT } from 'jose';
import { type ServiceProcess, startServiceProcess } from '../../scripts/lib/service-process.ts';
import { sendRaw } from '../helpers/raw-http.ts';

export const P = '/v1/dashboard/upload';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely; what is missing is undefined.
  readonly body: any;
}

export interface Attempt {
  readonly method?: string;
  /** Access token; null sends none. Default: that of `user`. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

/** The service as a process of its own, and a user of it whom somebody attacks. */
export interface Target {
  readonly service: ServiceProcess;
  readonly user: string;
  /** Its `SECRET_KEY`. */
  readonly secret: string;
  call(path: string, attempt?: Attempt): Promise<Answer>;
  /** A good access token, with these claims on top. */
  sign(claims?: JWTPayload): Promise<string>;
  /** A session of the user, with its upload resource. */
  session(more?: object): Promise<{ id: string; path: string; token: string }>;
  /** Sends bytes as they are, and gives all that comes back until the connection is closed. */
  raw(text: string, deadlineMs?: number): Promise<string>;
  /** What must never be written by the service. */
  keepSecret(...secrets: readonly string[]): void;
  /** Log lines so far, parsed: so each of them is one line of JSON. */
  logLines(): Record<string, unknown>[];
}

export const context = { source_section: 'hostile', workflow_type: 'single_upload' };

/**
 * One target for all tests of a file. It logs everything it can, and when the tests are over nothing of what
 * was secret in them may be found there.
 */
export function target(
  env: () => Record<string, string> | Promise<Record<string, string>> = () => ({}),
  claims: JWTPayload = {},
): Target {
  const secret = randomBytes(32).toString('hex');
  const user = randomUUID();
  const secrets = new Set([secret]);
  let started: ServiceProcess | null = null;
  const service = () => {
    if (started === null) throw new Error('the service is started before the first test');
    return started;
  };

  before(async () => {
    started = await startServiceProcess({
      env: { LOG_LEVEL: 'trace', SECRET_KEY: secret, ...(await env()) },
    });
  });
  after(async () => {
    const { running, output } = service();
    await service().stop();
    assert.ok(running, 'the service has survived');
    for (const one of secrets) assert.ok(!output.includes(one), `the logs hold ${one}`);
  });

  async function sign(more: JWTPayload = {}): Promise<string> {
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const token = await new SignJWT({ user_id: user, exp, ...claims, ...more })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode(secret));
    secrets.add(token);
    return token;
  }

  async function call(path: string, attempt: Attempt = {}): Promise<Answer> {
    const { token = await sign(), json, headers, body } = attempt;
    const sent = json === undefined ? body : JSON.stringify(json);
    const response = await fetch(new URL(path, service().url), {
      method: attempt.method ?? (json === undefined ? 'GET' : 'POST'),
      ...(sent === undefined ? {} : { body: sent }),
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson && text ? JSON.parse(text) : null,
    };
  }

  return {
    get service() {
      return service();
    },
    user,
    secret,
    call,
    sign,
    keepSecret: (...more) => {
      for (const one of more) secrets.add(one);
    },
    raw: (text, deadlineMs) => sendRaw(service().url, text, deadlineMs),

    async session(more = {}) {
      const { status, body } = await call(`${P}/initiate`, {
        json: { dashboard_context: context, expected_file_size: 1000, ...more },
      });
      assert.equal(status, 201, JSON.stringify(body));
      const token = new URL(body.upload_url, service().url).searchParams.get('token') ?? '';
      secrets.add(token);
      return { id: body.session_id, path: `/v1/uploads/${body.session_id}`, token };
    },

    logLines() {
      const lines = service()
        .output.split('\n')
        // The last one may be there in part only.
        .slice(0, -1)
        .filter((line) => line.startsWith('{'));
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    },
  };
}

/** Everything a request could have changed for the user. */
export async function stateOf({ call }: Target): Promise<object> {
  const [quota, sessions] = await Promise.all([call(`${P}/quota`), call(`${P}/sessions?limit=500`)]);
  assert.deepEqual([quota.status, sessions.status], [200, 200]);
  return { quota: quota.body, sessions: sessions.body };
}
