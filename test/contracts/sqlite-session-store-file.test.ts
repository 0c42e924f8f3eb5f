import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { SluiceError } from '../../src/core/errors.ts';
import { DAY_MS } from '../../src/core/quota.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';
import { newUser } from './session-store/harness.ts';
import {
  admissionOf,
  admitted,
  committed,
  ended,
  LIFETIME_MS,
  openWorkshop,
  TTL_MS,
  taken,
  type Workshop,
} from './session-store/workshop.ts';
import { startProcess, startProcesses } from './sqlite/processes.ts';
import { type SqliteHarness, sqliteHarness } from './sqlite/session-harness.ts';
import { LIMIT_BYTES, type SessionAnswer, type SessionOrder } from './sqlite/session-process.ts';

/** What the session store promises because it is a file: shared by processes, kept, locked, and tidied up. */
function promise(what: string, check: (workshop: Workshop, place: SqliteHarness) => Promise<void>): void {
  test(`sqlite session store file: ${what}`, async () => {
    const harness = await sqliteHarness();
    try {
      await check(openWorkshop(harness), harness);
    } finally {
      await harness.close();
    }
  });
}

const unavailable = (error: unknown): boolean =>
  error instanceof SluiceError && error.code === 'LEDGER_UNAVAILABLE' && error.cause instanceof Error;

promise(
  'four processes that ask 400 times at once for room for ten get exactly ten',
  async (_, { file, sql }) => {
    const userId = newUser();
    const script = new URL('./sqlite/session-process.ts', import.meta.url);
    const processes = await startProcesses(4, () => startProcess<SessionOrder, SessionAnswer>(script));
    try {
      for (const one of processes) one.order({ kind: 'open', file });
      await Promise.all(processes.map((one) => one.until('opened')));
      for (const one of processes) one.order({ kind: 'admit', userId, times: 100, bytes: LIMIT_BYTES / 10 });
      const answers = await Promise.all(processes.map((one) => one.until('done')));
      assert.equal(answers.flat().filter((answer) => answer.kind === 'admitted').length, 10);
    } finally {
      await Promise.all(processes.map((one) => one.kill()));
    }
    const [sum] = sql('SELECT sum(reserved_bytes) AS reserved FROM sessions');
    assert.equal(sum?.reserved, LIMIT_BYTES);
  },
);

promise(
  'after a restart sessions, their writers and their reservations are as before',
  async (shop, { reopen }) => {
    const userId = await shop.user();
    const { sessionId } = await shop.open(userId, 3000);
    const { epoch } = taken(await shop.store.take(sessionId, 'one'));
    const before = committed(await shop.store.commit(sessionId, epoch, { offset: 7, storage: 'here' }));
    const after = reopen();
    assert.deepEqual(await after.find(sessionId), before);
    const again = taken(await after.take(sessionId, 'two'));
    assert.equal(again.epoch, epoch + 1);
    assert.equal((await shop.quota(userId)).reservedBytes, 3000);
    assert.deepEqual(await shop.store.commit(sessionId, epoch, { offset: 9 }), { kind: 'fenced' });
  },
);

promise(
  'after a start accounts are loaded again: the default limit may be another one',
  async (shop, place) => {
    const userId = await shop.user();
    await shop.advance(1);
    const started = place.reopen();
    assert.equal((await started.read(userId)).kind, 'need_account');
    assert.equal((await started.admit(admissionOf(userId, 10))).kind, 'need_account');
    assert.equal((await shop.store.read(userId)).kind, 'known', 'a process that was there before goes on');
  },
);

promise(
  'a clock that steps back keeps nobody from the accounts that are loaded afterwards',
  async (shop, { shift }) => {
    shift(-DAY_MS);
    const userId = await shop.user();
    assert.equal((await shop.store.read(userId)).kind, 'known');
    assert.equal((await shop.store.admit(admissionOf(userId, 10))).kind, 'admitted');
  },
);

promise(
  'after a start accounts are loaded again, also where they were loaded by a clock that was ahead',
  async (shop, place) => {
    const userId = await shop.user();
    place.shift(-DAY_MS);
    assert.equal((await place.reopen().read(userId)).kind, 'need_account');
  },
);

for (const step of [0, -DAY_MS]) {
  promise(
    `a ledger put back to a backup is taken a minute after the start, the clock shifted by ${step} ms`,
    async (shop, { reopen, shift }) => {
      const userId = await shop.user();
      await shop.complete(await shop.sealed(userId, 100));
      await shop.advance(1);
      const started = reopen();
      const now = await shop.now();
      const old = {
        userId,
        limitBytes: 500,
        usedBytes: 0,
        periodStart: now,
        periodEnd: now + DAY_MS,
        version: 1,
      };
      assert.equal((await started.load(old, [], [])).kind, 'need_account');
      shift(step);
      await shop.advance(60_000);
      assert.equal((await started.load(old, [], [])).kind, 'loaded');
    },
  );
}

promise(
  'an upload that was counted although its session ended here makes the account be loaded again',
  async (shop) => {
    const userId = await shop.user();
    const { sessionId } = await shop.sealed(userId, 100);
    ended(await shop.store.end(sessionId, { status: 'failed', failure: null, voided: true }));
    const completion = shop.ledger.settle(sessionId, userId, 100, await shop.now());
    assert.ok(completion);
    assert.equal((await shop.store.finish(sessionId, completion))?.status, 'failed');
    assert.equal((await shop.store.read(userId)).kind, 'need_account');
    assert.equal((await shop.quota(userId)).usedBytes, 100);
  },
);

promise('when all is over no row is left, however sessions ended', async (shop, { rows }) => {
  const userId = await shop.user();
  const claim = { idempotency: { key: 'once', fingerprint: 'f' } };
  const expired = await shop.open(userId, 10, claim);
  const { epoch } = taken(await shop.store.take(expired.sessionId, 'one'));
  await shop.store.commit(expired.sessionId, epoch, { offset: 5, parts: [partOf(0)] });
  await shop.complete(await shop.sealed(userId, 20));
  for (const status of ['cancelled', 'failed'] as const) {
    const { sessionId } = await shop.open(userId, 30);
    ended(await shop.store.end(sessionId, { status, failure: null }));
  }
  const held = await shop.open(userId, 40);
  const holdReservationUntil = (await shop.now()) + 2 * TTL_MS;
  ended(await shop.store.end(held.sessionId, { status: 'cancelled', failure: null, holdReservationUntil }));

  for (const wait of [0, TTL_MS, 2 * TTL_MS, LIFETIME_MS, 31 * DAY_MS]) {
    await shop.advance(wait + 1);
    for (const { sessionId } of await shop.store.due(100)) {
      await shop.store.end(sessionId, { status: 'expired', failure: null });
      await shop.store.forget(sessionId);
    }
  }
  await shop.store.due(1);
  assert.deepEqual(rows(), { sessions: 0, session_parts: 0, idempotency_keys: 0, cached_accounts: 0 });
});

promise('sessions that stay due do not keep the sweeper from the others', async (shop) => {
  const userId = await shop.user();
  const sessions = [];
  for (let n = 0; n < 5; n += 1) {
    sessions.push((await shop.open(userId, 10)).sessionId);
    await shop.advance(1);
  }
  await shop.advance(TTL_MS);
  const seen = new Set<string>();
  for (let round = 0; round < 3; round += 1) {
    for (const { sessionId } of await shop.store.due(2)) seen.add(sessionId);
  }
  assert.deepEqual([...seen].sort(), sessions.sort());
});

promise(
  'a clock that steps back does not revive what expired and was given to others',
  async (shop, { shift }) => {
    const userId = await shop.user(1000);
    const first = await shop.open(userId, 1000);
    await shop.advance(TTL_MS);
    await shop.open(userId, 1000);
    shift(-TTL_MS);
    assert.equal((await shop.store.find(first.sessionId))?.status, 'expired');
    assert.equal((await shop.store.take(first.sessionId, 'late')).kind, 'ended');
    assert.equal((await shop.quota(userId)).reservedBytes, 1000);
    const told = await shop.store.end(first.sessionId, { status: 'expired', failure: null });
    assert.equal(told.kind, 'ended', 'the sweeper still is the one who tells of it');
  },
);

promise(
  'a lock held too long is answered within two seconds, and nothing else waits for it',
  async (shop, place) => {
    const userId = await shop.user();
    const { sessionId } = await shop.open(userId, 10);
    const other = new DatabaseSync(place.file);
    other.exec('BEGIN IMMEDIATE');
    const elapsedMs = startStopwatch();
    await assert.rejects(
      Promise.race([
        shop.store.take(sessionId, 'one'),
        // Reading needs no lock, and no other request stands still.
        shop.store
          .find(sessionId)
          .then((found) => assert.ok(found))
          .then(() => new Promise(() => {})),
      ]),
      unavailable,
    );
    assert.ok(elapsedMs() < 2_000);
    other.exec('ROLLBACK');
    other.close();
    assert.equal((await shop.store.take(sessionId, 'one')).kind, 'taken');
  },
);

promise('sizes and texts come back as they were given', async (shop) => {
  const userId = await shop.user(Number.MAX_SAFE_INTEGER);
  const draft = {
    dashboardContext: `{"source_section":"é𝄞\\u0000","metadata":{"a":1.0,"text":"${'x'.repeat(16_000)}"}}`,
    expectedFileSize: Number.MAX_SAFE_INTEGER,
    fileFormat: 'mp4',
    filename: '../../x\r\n\0"\'; DROP TABLE sessions; -- 🏖',
    sha256: 'c'.repeat(64),
    uploadMetadata: 'filename eA==,empty',
  };
  const size = Number.MAX_SAFE_INTEGER;
  const session = admitted(await shop.admit(userId, size, { draft, maxFileSize: size }));
  const found = await shop.store.find(session.sessionId);
  assert.deepEqual(found, session);
  assert.deepEqual({ ...found, ...draft }, found);
  assert.equal(found?.reservedBytes, size);
});

promise('the file is readable by its owner alone', async (shop, { file }) => {
  await shop.user();
  for (const name of [file, `${file}-wal`]) assert.equal((await stat(name)).mode & 0o777, 0o600);
});

promise('it says what it is and that it is well, and after closing that it is away', async (_, { store }) => {
  assert.equal(store.name, 'session_store');
  assert.equal(store.backend, 'sqlite');
  await store.check();
  store.close();
  store.close();
  await assert.rejects(store.check(), unavailable);
  await assert.rejects(store.find(newUser()), unavailable);
});

function partOf(index: number, etag = '"a"') {
  return { index, number: index + 1, bytes: 10, etag };
}
