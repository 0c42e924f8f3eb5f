import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { type JWTPayload, SignJWT } from 'jose';
import { pino } from 'pino';
import { loadConfig } from '../../src/config.ts';
import { type Service, startService } from '../../src/main.ts';

/**
 * The real service on a free port, with a folder and, on Redis, a key prefix of its own, which are gone after
 * the test.
 */

export const TEST_SECRET = 'a secret of the tests that has at least 32 bytes';
export const P = '/v1/dashboard/upload';

/** Session stores to run a test on: `for (const store of STORES) test(`${store}: …`)`. */
export const STORES = ['sqlite', 'redis'] as const;
type StoreName = (typeof STORES)[number];

export interface TestApp {
  readonly url: string;
  readonly dataDir: string;
  readonly service: Service;
  /** A user of its own, in lower case. */
  readonly userId: string;
  /** Sends a request as `userId`, unless the init has an `authorization` header; null sends none. */
  fetch(path: string, init?: TestRequest): Promise<Response>;
  /** As `fetch`, with the status and the answer read as JSON (null where it is empty). */
  call(path: string, init?: TestRequest): Promise<Answer>;
  /** Names of all files under the upload and temporary folders. */
  files(): Promise<string[]>;
  /** Stops the service now, keeping folder and keys, to start again with `startApp` and `dataDir`. */
  close(): Promise<void>;
}

export interface TestRequest extends Omit<RequestInit, 'headers'> {
  readonly headers?: Readonly<Record<string, string>>;
  /** Access token in place of the user's; null for none. */
  readonly token?: string | null;
  /** Sent as JSON by POST, unless `method` says otherwise. */
  readonly json?: unknown;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely; what is missing is undefined.
  readonly body: any;
}

export interface TestAppOptions {
  readonly store?: StoreName;
  /** Further environment variables, which win. */
  readonly env?: Readonly<Record<string, string>>;
  /** Work in this folder, which is kept. */
  readonly dataDir?: string;
  readonly redisPrefix?: string;
  readonly userId?: string;
}

export async function startApp(t: TestContext, options: TestAppOptions = {}): Promise<TestApp> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'sluice-test-')));
  const userId = options.userId ?? randomUUID();
  const prefix = options.redisPrefix ?? `test_${randomUUID().slice(0, 8)}`;
  const result = loadConfig(
    {
      HOST: '127.0.0.1',
      PORT: '0',
      DATA_DIR: dataDir,
      SECRET_KEY: TEST_SECRET,
      ...(options.store === 'redis'
        ? { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(testRedisPort()), REDIS_KEY_PREFIX: prefix }
        : {}),
      ...options.env,
    },
    'embedded',
  );
  if (!result.ok) throw new Error(result.faults.join('\n'));
  const service = await startService(result.config, pino({ level: process.env.TEST_LOG ?? 'silent' }));

  t.after(async () => {
    await service.close();
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    if (options.store === 'redis' && options.redisPrefix === undefined) await removeKeys(prefix);
  });

  const ownToken = await signToken({ user_id: userId });

  async function send(path: string, init: TestRequest = {}): Promise<Response> {
    const { token = ownToken, json, headers, ...rest } = init;
    return fetch(new URL(path, service.url), {
      ...(json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) }),
      ...rest,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
    });
  }

  return {
    url: service.url,
    dataDir,
    service,
    userId,
    fetch: send,
    async call(path, init) {
      const response = await send(path, init);
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: text === '' ? null : JSON.parse(text),
      };
    },
    async files() {
      const { storage } = result.config;
      if (storage.backend !== 'disk') throw new TypeError('these files are not on the disk');
      const { uploadFolder, tempFolder } = storage;
      const found = await Promise.all([uploadFolder, tempFolder].map(filesUnder));
      return found.flat().sort();
    },
    close: () => service.close(),
  };
}

/** An access token of the test secret. `exp` is an hour ahead unless the claims say otherwise. */
export function signToken(claims: JWTPayload, secret = TEST_SECRET): Promise<string> {
  return new SignJWT({ exp: Math.floor(Date.now() / 1000) + 3600, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret));
}

/** A body for initiate that is good in every way. */
export function initiateBody(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    dashboard_context: {
      source_section: 'video_analysis',
      workflow_type: 'single_upload',
      user_preferences: { quality: 'high' },
      metadata: { test: 'data' },
    },
    expected_file_size: 1_000_000,
    file_format: 'mp4',
    filename: 'holiday.mp4',
    ...changes,
  };
}

function testRedisPort(): number {
  const port = Number(process.env.SLUICE_TEST_REDIS_PORT);
  if (!port) throw new Error('SLUICE_TEST_REDIS_PORT is not set: run the tests with npm test');
  return port;
}

async function removeKeys(prefix: string): Promise<void> {
  const redis = new Redis({ host: '127.0.0.1', port: testRedisPort() });
  try {
    for await (const keys of redis.scanStream({ match: `${prefix}:*`, count: 1000 })) {
      if (keys.length > 0) await redis.del(keys);
    }
  } finally {
    redis.disconnect();
  }
}

async function filesUnder(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch {
    return [];
  }
}
