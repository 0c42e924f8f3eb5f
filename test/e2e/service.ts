import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  type ServiceOptions,
  type ServiceProcess,
  startServiceProcess,
} from '../../scripts/lib/service-process.ts';

export type { ServiceProcess } from '../../scripts/lib/service-process.ts';

/** The real service in a process of its own; it and its folder are gone after the test. */
export async function serviceFor(t: TestContext, options: ServiceOptions = {}): Promise<ServiceProcess> {
  const service = await startServiceProcess(options);
  t.after(() => service.stop());
  return service;
}

/** A folder that is gone after the test. */
export async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-e2e-'));
  // Workers outlive their primary by a moment, and write until then.
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));
  return folder;
}

/** Variables that make the service keep its sessions in the tests' Redis, under a prefix of its own. */
export function sharedRedis(): { env: Record<string, string>; port: number; prefix: string } {
  const port = Number(process.env.SLUICE_TEST_REDIS_PORT);
  if (!port) throw new Error('SLUICE_TEST_REDIS_PORT is not set: run the tests with "npm test".');
  const prefix = `e2e_${randomUUID().slice(0, 8)}`;
  return {
    port,
    prefix,
    env: { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(port), REDIS_KEY_PREFIX: prefix },
  };
}
