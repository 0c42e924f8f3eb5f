import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import type { TestContext } from 'node:test';
import { videoChunks } from '../e2e/videos.ts';
import { ORIGIN } from '../protocol-suite/answers.ts';
import { type BackendName, startBackend } from '../protocol-suite/backend.ts';
import { createContext } from '../protocol-suite/context.ts';
import { head } from '../protocols/raw-http.ts';

const UPLOADS = 64;
const MAX_RSS = 300 * 1024 * 1024;
/** All senders go at the pace of the slowest, which on a busy machine is long enough for the others to look idle. */
const PATIENCE_S = 600;
/** What the files take while they are put together: a gateway copies the parts of each into one. */
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
  const senders = await Promise.all(
    uploads.map(async ({ target }) => {
      const socket = connect(context.port, '127.0.0.1');
      const answer = answerOn(socket);
      await write(socket, Buffer.from(head('PUT', target, { 'content-length': bytes })));
      return { socket, answer };
    }),
  );
  // All of them at the same pace: none is over before the others.
  for (const chunk of chunks) {
    await Promise.all(
      senders.map(({ socket, answer }) =>
        write(socket, chunk).catch(async (cause: unknown) => {
          throw new Error(`before all was sent, the answer was: ${await answer}`, { cause });
        }),
      ),
    );
  }
  const answers = await Promise.all(senders.map(({ answer }) => answer));
  for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 201 /);
  const seconds = (performance.now() - began) / 1000;
  for (const { socket } of senders) socket.destroy();

  const peak = memoryOf(pid, 'VmHWM');
  const rate = (UPLOADS * bytes) / 1e6 / seconds;
  t.diagnostic(
    `${name}: idle ${mib(idle)}, peak ${mib(peak)}; ${seconds.toFixed(1)} s, ${rate.toFixed(0)} MB/s`,
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

function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** What comes first on the socket: the answer, all of it where it is short. */
function answerOn(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (bytes) => resolve(bytes.toString('latin1')));
    socket.once('error', (error) => resolve(`none, but ${error.message}`));
    socket.once('close', () => resolve('none'));
  });
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
