import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { createRunningDigests } from '../../src/engine/running-digests.ts';
import { createThreadedDigests, startThread } from '../../src/engine/threaded-digests.ts';
import { errnoOf } from '../../src/stores/disk/faults.ts';
import { fakeMp4 } from './service.ts';
import { watchHashing } from './watched-hashing.ts';

const FILE = fakeMp4(300_000);
const SHA256 = createHash('sha256').update(FILE).digest('hex');

/** The file in pieces of these many bytes, each with memory of its own. */
function pieces(bytes: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(FILE.length / bytes) }, (_, n) =>
    Uint8Array.prototype.slice.call(FILE, n * bytes, (n + 1) * bytes),
  );
}

test('pieces are handed over and not copied; those that share their memory are copied and stay', async () => {
  const threaded = createThreadedDigests();
  const digest = threaded.begin();
  assert.ok(digest);
  const all = Buffer.from(FILE);
  const own = Uint8Array.prototype.slice.call(FILE, 0, 100_000);
  const shared = all.subarray(100_000);
  digest.release([own, shared]);
  assert.equal(own.length, 0);
  assert.equal(shared.length, 200_000);
  assert.equal(await digest.hex(), SHA256);
  assert.ok(all.equals(FILE));
  await threaded.close();
});

test('many digests at once do not mix', async () => {
  const threaded = createThreadedDigests();
  const digests = await Promise.all(
    [1000, 7919, 64_000, 300_000].map(async (bytes) => {
      const digest = threaded.begin();
      for (const piece of pieces(bytes)) digest?.release([piece]);
      return digest?.hex();
    }),
  );
  assert.deepEqual(digests, [SHA256, SHA256, SHA256, SHA256]);
  await threaded.close();
});

test('the digest of nothing is that of the empty file', async () => {
  const threaded = createThreadedDigests();
  assert.equal(await threaded.begin()?.hex(), createHash('sha256').digest('hex'));
  await threaded.close();
});

test('a thread that ends under a digest takes that digest along, and nobody waits for it', async () => {
  const threads: Worker[] = [];
  const threaded = createThreadedDigests(() => {
    const thread = startThread();
    threads.push(thread);
    return thread;
  });
  const digest = threaded.begin();
  assert.ok(digest);
  digest.release(pieces(300_000));
  await digest.ready();
  digest.release(pieces(300_000));
  const waiting = digest.ready();
  const ended = threads[0]?.terminate();
  await waiting;
  await ended;
  const more = pieces(100_000);
  digest.release(more);
  assert.deepEqual(
    more.map(({ length }) => length),
    [0, 0, 0],
  );
  assert.equal(await digest.hex(), null);
  digest.drop();
  const next = threaded.begin();
  next?.release(pieces(100_000));
  assert.equal(await next?.hex(), SHA256);
  await threaded.close();
});

for (const [how, start] of [
  ['throws at once', () => assert.fail('no threads here')],
  ['ends before it does anything', () => new Worker('throw new Error("it cannot start")', { eval: true })],
] as const) {
  test(`where starting a thread ${how}, there is none, and it is not tried again and again`, async () => {
    let starts = 0;
    const hashing = watchHashing(() => {
      starts += 1;
      return start();
    });
    const first = hashing.begin(null);
    first.release(pieces(100_000));
    const hex = await first.hex();
    assert.ok(hex === null || hex === createHash('sha256').digest('hex'));
    for (let n = 0; n < 3; n += 1) {
      const next = hashing.begin(null);
      const batch = pieces(100_000);
      next.beside(batch);
      next.release(batch);
      assert.equal(await next.hex(), SHA256);
    }
    assert.equal(starts, 1);
  });
}

test('an idle thread keeps no process alive, one that still owes a digest does', () => {
  const script = `
    import { createThreadedDigests } from './src/engine/threaded-digests.ts';
    const digest = createThreadedDigests().begin();
    digest.release([new TextEncoder().encode('abc').slice()]);
    process.stdout.write(await digest.hex());
    digest.drop();`;
  const { stdout, status, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 60_000,
    cwd: new URL('../..', import.meta.url),
  });
  const expected = createHash('sha256').update('abc').digest('hex');
  assert.deepEqual([stdout, status, signal], [expected, 0, null]);
});

test('of interrupted digests the one not used for longest is dropped, and so is one that does not fit', async () => {
  const hashing = watchHashing();
  const digests = createRunningDigests(hashing, 2);
  for (const sessionId of ['a', 'b', 'c']) {
    const digest = hashing.begin(null);
    digest.release(pieces(300_000));
    digests.keep(sessionId, { digest, offset: FILE.length, epoch: 1 });
  }
  assert.equal(hashing.held, 2);
  const session = { sessionId: 'b', uploadOffset: FILE.length, epoch: 3 };
  assert.equal(digests.resume(session, null), null);
  assert.equal(hashing.held, 1);
  const resumed = digests.resume({ sessionId: 'c', uploadOffset: FILE.length, epoch: 2 }, null);
  assert.equal(await resumed?.hex(), SHA256);
  assert.equal(hashing.held, 0);
  await hashing.close();
});

/** An open file to write to, and what stands in it. */
async function openTarget(t: TestContext, path?: string) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-stored-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const target = path ?? join(folder, 'file');
  const file = await open(target, 'w');
  t.after(() => file.close());
  return { descriptor: file.fd, content: () => readFile(target) };
}

test('the thread writes what it hashes, where it is told to, and frees it', async (t) => {
  const threaded = createThreadedDigests();
  t.after(() => threaded.close());
  const { descriptor, content } = await openTarget(t);
  const digest = threaded.begin();
  const all = pieces(64_000);
  let position = 0;
  const stored = [all.slice(0, 2), all.slice(2)].map((batch) => {
    const at = position;
    position += batch.reduce((sum, { length }) => sum + length, 0);
    return digest?.store?.({ descriptor, position: at }, batch);
  });
  assert.deepEqual(
    (await Promise.all(stored)).map((one) => one?.fault),
    [null, null],
  );
  assert.ok(all.every(({ length }) => length === 0));
  assert.ok((await content()).equals(FILE));
  assert.equal(await digest?.hex(), SHA256);
});

test('what could not be written is told, with what was, and is in no digest', async (t) => {
  const threaded = createThreadedDigests();
  t.after(() => threaded.close());
  const { descriptor } = await openTarget(t, '/dev/full');
  const digest = threaded.begin();
  const stored = await digest?.store?.({ descriptor, position: 0 }, pieces(300_000));
  assert.deepEqual([stored?.written, errnoOf(stored?.fault)], [0, 'ENOSPC']);
  assert.equal(digest?.store, null, 'it has missed bytes');
  assert.equal(await digest?.hex(), null);
});

test('a thread that ends under a batch that is to be stored is a fault of storing it', async (t) => {
  const threads: Worker[] = [];
  const threaded = createThreadedDigests(() => {
    const thread = startThread();
    threads.push(thread);
    return thread;
  });
  const { descriptor } = await openTarget(t);
  const digest = threaded.begin();
  assert.ok(digest);
  await digest.ready();
  const stored = digest.store?.({ descriptor, position: 0 }, pieces(300_000));
  const ended = threads[0]?.terminate();
  const { written, fault } = (await stored) ?? {};
  await ended;
  // It may have been done before it ended.
  if (fault) assert.equal(written, 0);
  assert.equal(digest.store, null);
  await threaded.close();
});
