import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SluiceError } from '../../src/core/errors.ts';
import { giveWay } from '../../src/core/give-way.ts';
import type { NewOutboxEvent } from '../../src/core/outbox.ts';
import type { Ledger, SessionEvent } from '../../src/core/ports.ts';
import { createUploads } from '../../src/core/uploads.ts';
import { createDiskBlobStore } from '../../src/stores/disk/blobs.ts';
import { createSqliteLedger } from '../../src/stores/sqlite/ledger.ts';
import { createSqliteSessionStore } from '../../src/stores/sqlite/sessions.ts';
import { newUser, shardOf } from '../contracts/session-store/harness.ts';
import { admissionOf, openWorkshop, TTL_MS } from '../contracts/session-store/workshop.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';

/** The use cases on SQLite and disk, with a clock that is pushed by hand. */
async function openWorld(t: TestContext, wrapLedger: (ledger: Ledger) => Ledger = (ledger) => ledger) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-sweep-'));
  let ahead = 0;
  const clock = { now: () => Date.now() + ahead };
  const store = createSqliteSessionStore({ file: join(folder, 'sessions.db'), clock });
  const bounds = { defaultLimitBytes: 2 ** 40, periodMs: 86_400_000 };
  const ledger = createSqliteLedger({ file: join(folder, 'ledger.db'), clock, ...bounds });
  t.after(async () => {
    store.close();
    ledger.close();
    await rm(folder, { recursive: true, force: true });
  });
  const [uploadFolder, tempFolder] = [join(folder, 'uploads'), join(folder, 'temp')];
  const blobs = createDiskBlobStore({ uploadFolder, tempFolder, fsync: 'never' });
  const told: SessionEvent[] = [];
  const uploads = createUploads({
    ...{ store, ledger: wrapLedger(ledger), blobs, shardOf },
    events: { emit: (event) => void told.push(event) },
    limits: {
      ...{ maxFileSize: 1000, sessionTtlMs: TTL_MS, maxLifetimeMs: TTL_MS, maxActiveSessions: 10_000 },
      allowedFormats: '*',
    },
  });
  async function advance(ms: number): Promise<void> {
    ahead += ms;
  }
  const workshop = openWorkshop({ store, advance, now: async () => clock.now(), close: async () => {} });

  return {
    ...{ uploads, ledger, told, advance, workshop, store, tempFolder },
    /** So many sessions of one user, of the first ones of which bytes are stored. */
    async sessions(count: number, written = 0): Promise<string[]> {
      const userId = newUser();
      await workshop.load(userId);
      const open = () => store.admit({ ...admissionOf(userId, 10), maxActiveSessions: 10_000 });
      const results = await Promise.all(Array.from({ length: count }, open));
      const ids = results.map((result) => (result.kind === 'admitted' ? result.session.sessionId : ''));
      for (const sessionId of ids.slice(0, written)) {
        await store.take(sessionId, 'a');
        const writer = await blobs.open({ sessionId, storage: null }, WRITING);
        await writer.write([Buffer.from('abc')]);
        await writer.close();
        await store.commit(sessionId, 1, writer.progress());
      }
      return ids;
    },
    eventIds: async () => (await ledger.outbox.list({ limit: 10_000 })).map(({ id }) => id).sort(),
  };
}

const WRITING = { offset: 0, length: 10, epoch: 1, sole: true };
const idsOf = (events: readonly SessionEvent[]) => events.map(({ sessionId }) => sessionId).sort();
const endingIds = (sessionIds: readonly string[]) =>
  sessionIds.map((sessionId) => `upload-expired-${sessionId}`).sort();

test('a sweep of several batches ends each session once, tells of each once, and leaves no bytes', async (t) => {
  const world = await openWorld(t);
  const ids = (await Promise.all([world.sessions(800, 3), world.sessions(5, 2), world.sessions(600)])).flat();
  await world.advance(2 * TTL_MS);
  const [live] = await world.sessions(1);
  assert.equal((await readdir(world.tempFolder, { recursive: true })).length > 0, true);
  assert.equal(await world.uploads.sweep(), ids.length);
  assert.deepEqual(idsOf(world.told), ids.toSorted());
  assert.deepEqual(await world.eventIds(), endingIds(ids));
  const left = await readdir(world.tempFolder, { recursive: true, withFileTypes: true });
  assert.deepEqual(
    left.filter((entry) => entry.isFile()).map(({ name }) => name),
    [],
  );
  assert.deepEqual(await world.store.due(10), []);
  assert.equal((await world.store.find(live ?? ''))?.status, 'active');
  assert.equal(await world.uploads.sweep(), 0);
});

test('what the ledger could not be told of stays on the list, and is told of by the next sweep', async (t) => {
  let away = true;
  const world = await openWorld(t, (ledger) => ({
    ...ledger,
    record: async (...events: readonly NewOutboxEvent[]) => {
      if (away) throw new SluiceError('LEDGER_UNAVAILABLE', 'away');
      await ledger.record(...events);
    },
  }));
  const ids = await world.sessions(700, 1);
  await world.advance(2 * TTL_MS);
  await assert.rejects(world.uploads.sweep(), /away/);
  assert.deepEqual(await world.eventIds(), []);
  assert.equal((await world.store.due(1000)).length, ids.length);
  away = false;
  assert.equal(await world.uploads.sweep(), ids.length);
  assert.deepEqual(idsOf(world.told), ids.toSorted(), 'nobody was told twice');
  assert.deepEqual(await world.eventIds(), endingIds(ids));
});

test('sealed sessions are left to whoever completes them, however many and however late; the others go on', async (t) => {
  const world = await openWorld(t);
  const sealed = await world.sessions(600);
  await Promise.all(
    sealed.map(async (sessionId) => {
      await world.store.take(sessionId, 'a');
      await world.store.commit(sessionId, 1, { offset: 10, storage: 'here', seal: true });
    }),
  );
  const ids = await world.sessions(300, 2);
  await world.advance(2 * TTL_MS);
  for (const expected of [ids.length, 0]) assert.equal(await world.uploads.sweep(), expected);
  assert.deepEqual(idsOf(world.told), ids.toSorted());
  assert.deepEqual(await world.eventIds(), endingIds(ids));
  for (const sessionId of sealed) {
    assert.partialDeepStrictEqual(await world.store.find(sessionId), { status: 'active', sealed: true });
    assert.equal(await world.ledger.decision(sessionId), null);
  }
});

test('work that can wait rests for longer the busier the process is', async () => {
  let spinning = true;
  function spin(): void {
    const until = performance.now() + 2;
    while (performance.now() < until);
    if (spinning) setImmediate(spin);
  }
  spin();
  try {
    const beganAt = performance.now();
    assert.ok((await giveWay(20, 0)) > 0.5, 'requests keep it busy');
    assert.ok(performance.now() - beganAt >= 40);
  } finally {
    spinning = false;
  }
  const lookedAt = performance.now();
  const seen = await giveWay(0, 1);
  const halves = (performance.now() - lookedAt) / 20;
  assert.ok(seen >= 0.5 ** halves - 0.001, 'one look that sees nothing is not believed');
  assert.ok((await giveWay(100, 1)) < 0.5, 'a longer one is');
});

test('whoever is told to stop does not rest', async () => {
  const elapsedMs = startStopwatch();
  await giveWay(3_600_000, 1, AbortSignal.abort());
  assert.ok(elapsedMs() < 400);
});
