import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, globSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before } from 'node:test';
import { type ServiceProcess, startServiceProcess } from '../../../scripts/lib/service-process.ts';
import { type ClientOptions, createClient, type SluiceClient } from '../../src/node.ts';
import { type FaultyProxy, startFaultyProxy } from './faulty-proxy.ts';

/** Short pauses: tests want to see that it goes on, not to wait. */
/** Soon, and for longer than a busy machine needs to start a service. */
export const QUICK_RETRY = { baseMs: 20, maxMs: 200, attempts: 500 };

export interface TestService {
  readonly process: ServiceProcess;
  /** Stands before the service; without a fault again after each test. */
  readonly proxy: FaultyProxy;
  /** Address of the proxy, which is the service's public one. */
  readonly url: string;
  token(user?: string, permissions?: readonly string[]): string;
  /** A client of a user of its own. */
  client(options?: Partial<ClientOptions> & { readonly user?: string }): SluiceClient;
}

/** The real service for the tests of one file, started before them and ended after them. */
export function startedService(env: Readonly<Record<string, string>> = {}): TestService {
  let service: ServiceProcess | undefined;
  let proxy: FaultyProxy | undefined;
  before(async () => {
    proxy = await startFaultyProxy(() => Number(new URL(there(service).url).port));
    service = await startServiceProcess({ env: { PUBLIC_URL: proxy.url, ...env } });
  });
  afterEach(() => proxy?.set({ kind: 'none' }));
  after(async () => {
    await proxy?.close();
    await service?.stop();
  });

  function token(user: string = randomUUID(), permissions?: readonly string[]): string {
    return there(service).token({ user, ...(permissions ? { permissions } : {}) });
  }

  return {
    get process() {
      return there(service);
    },
    get proxy() {
      return there(proxy);
    },
    get url() {
      return there(proxy).url;
    },
    token,
    client({ user, ...options } = {}) {
      return createClient({ baseUrl: there(proxy).url, token: token(user), retry: QUICK_RETRY, ...options });
    },
  };
}

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the service runs within tests only');
  return value;
}

/** Digest of the file that the service keeps for a completed session. */
export async function storedDigest(service: ServiceProcess, sessionId: string): Promise<string> {
  const [file, ...more] = globSync(`**/*${sessionId}*`, { cwd: service.dataDir });
  if (file === undefined || more.length > 0) throw new Error(`not one file of session ${sessionId}`);
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(join(service.dataDir, file))) hash.update(chunk);
  return hash.digest('hex');
}
