import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { answers, endWithUs, listenTo, untilReady } from './child.ts';
import { freePort } from './free-port.ts';
import { findGo } from './go.ts';
import { lookUp } from './program.ts';
import type { RunningServer, TestServer } from './server.ts';

/**
 * The S3 server of the tests: Versity's gateway over a temporary folder. It checks signatures, ETags, part
 * sizes and conditions as S3 does. It comes from the PATH, or is built once by Go, as a Go module, and kept
 * in the user's cache folder.
 */
const VERSION = 'v1.8.0';
const MODULE = 'github.com/versity/versitygw/cmd/versitygw';

const STARTUP_DEADLINE_MS = 120_000;

export const s3Server: TestServer = { name: 'S3', start: () => startS3() };

export async function startS3(): Promise<RunningServer> {
  const program = findGateway();
  const folder = await mkdtemp(join(tmpdir(), 'sluice-s3-'));
  // Metadata beside the data: a temporary folder often lies on a file system without extended attributes.
  const [data, metadata] = [join(folder, 'data'), join(folder, 'metadata')];
  await mkdir(data);
  await mkdir(metadata);
  const port = await freePort();
  const key = `test-${randomBytes(6).toString('hex')}`;
  const secret = randomBytes(24).toString('hex');

  const listening = ['--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet', '--health', '/health'];
  const child = spawn(program, [...listening, 'posix', '--sidecar', metadata, data], {
    env: { PATH: process.env.PATH, ROOT_ACCESS_KEY: key, ROOT_SECRET_KEY: secret },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said = listenTo(child);
  const end = endWithUs(child);
  const stop = async () => {
    await end();
    await rm(folder, { recursive: true, force: true });
  };

  try {
    await untilReady(child, {
      name: 'versitygw',
      isReady: () => answers(`http://127.0.0.1:${port}/health`),
      deadlineMs: STARTUP_DEADLINE_MS,
      said,
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    env: {
      SLUICE_TEST_S3_ENDPOINT: `http://127.0.0.1:${port}`,
      SLUICE_TEST_S3_KEY: key,
      SLUICE_TEST_S3_SECRET: secret,
    },
    stop,
  };
}

/** Path of the gateway: from the PATH, from the cache, or freshly built. Throws with what to install. */
function findGateway(): string {
  const installed = lookUp({ name: 'versitygw' });
  if (installed) return installed;
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sluice');
  const folder = join(cache, `versitygw-${VERSION}`);
  const program = join(folder, process.platform === 'win32' ? 'versitygw.exe' : 'versitygw');
  if (existsSync(program)) return program;

  mkdirSync(cache, { recursive: true });
  const go = findGo(cache);
  build(go, cache, folder);
  return program;
}

/** Built beside and moved into place, so that a run that is stopped in the middle leaves nothing half-made. */
function build(go: string, cache: string, folder: string): void {
  const fresh = mkdtempSync(join(cache, 'building-'));
  process.stderr.write(`Building the S3 server of the tests, once (${MODULE}@${VERSION}) …\n`);
  try {
    const result = spawnSync(go, ['install', '-trimpath', '-ldflags=-s -w', `${MODULE}@${VERSION}`], {
      env: { ...process.env, GOBIN: fresh, GOFLAGS: '', CGO_ENABLED: '0' },
      stdio: ['ignore', process.stderr, process.stderr],
    });
    if (result.status !== 0) {
      throw new Error(
        `The S3 server of the tests could not be built (Go's own words stand above). ` +
          `Mend that, or put "versitygw" on the PATH, then run the tests again.`,
      );
    }
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
