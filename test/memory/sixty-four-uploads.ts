import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { TestContext } from 'node:test';
import { videoChunks } from '../e2e/videos.ts';
import { ORIGIN } from '../protocol-suite/answers.ts';
import { type BackendName, startBackend } from '../protocol-suite/backend.ts';
import { createContext } from '../protocol-suite/context.ts';
import { sendSideBySide } from './side-by-side.ts';

const UPLOADS = 64;
const MAX_RSS = 300 * 1024 * 1024;
/** Seconds. Who waits for the slowest looks idle, on a busy machine for long. */
const PATIENCE_S = 600;
/** How often the files are there while they are put together: a gateway copies the parts of each into one. */
const COPIES = { 'SQLite and disk': 1, 'Redis and disk': 1, 'Redis and S3': 2 };

/** 64 uploads of so many bytes at the same time leave the process below 300 MB, and each is what was sent. */
export async function uploadSixtyFour(t: TestContext, name: BackendName, bytes: number): Promise<void> {
  await requireSpace(COPIES[name] * UPLOADS * bytes);
  const backend = await startBackend(name, {
    CORS_ORIGINS: ORIGIN,
    UPLOAD_IDLE_TIMEOUT: String(PATIENCE_S),
    UPLOAD_DEFAULT_QUOTA: String(2 * UPLOADS * bytes),
  });
  t.after(() => backend.stop());
  const context = createContext(backend);
  const { pid } = backend.service;
  const idle = memoryOf(pid, 'VmHWM');

  // One file for all: this process has to be fast, too.
  const chunks = [...videoChunks(bytes, 1)];
  const sha256 = chunks.reduce((hash, chunk) => hash.update(chunk), createHash('sha256')).digest('hex');
  const owner = context.user();
  const uploads = await Promise.all(
    Array.from({ length: UPLOADS }, () => context.session({ expected_file_size: bytes }, owner)),
  );
  const began = performance.now();
  const resumed = await sendSideBySide(context, uploads, chunks);
  const seconds = (performance.now() - began) / 1000;

  const peak = memoryOf(pid, 'VmHWM');
  const rate = (UPLOADS * bytes) / 1e6 / seconds;
  t.diagnostic(
    `${name}: idle ${mib(idle)}, peak ${mib(peak)}; ${seconds.toFixed(1)} s, ${rate.toFixed(0)} MB/s, ${resumed} resumed`,
  );
  assert.ok(peak < MAX_RSS, `the process held ${mib(peak)}`);
  for (const upload of uploads) {
    const session = await context.status(upload);
    assert.deepEqual([session.status, session.sha256], ['completed', sha256]);
  }
  const [one] = uploads;
  const things = one ? await backend.stored(one.id) : [];
  assert.deepEqual(await Promise.all(things.map((thing) => thing.sha256())), [sha256]);
  assert.deepEqual(await context.quota(owner), { used: UPLOADS * bytes, reserved: 0 });
}

/** Throws where the disk of the tests' folders cannot take so many bytes. */
async function requireSpace(bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(tmpdir());
  const free = bavail * bsize;
  const gb = (count: number) => `${(count / 1e9).toFixed(1)} GB`;
  if (free < bytes) {
    throw new Error(
      `This test needs ${gb(bytes)} of room in ${tmpdir()}, which has ${gb(free)}. Make room, or set TMPDIR to a folder on another disk.`,
    );
  }
}

/** Resident memory in bytes (proc(5)), the highest so far. */
function memoryOf(pid: number, field: 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
}

const mib = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
