import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { SluiceError } from '../../src/core/errors.ts';
import { encryptSessions } from '../../src/stores/encryption/encrypted-sessions.ts';
import { type CipherKey, createTextCipher } from '../../src/stores/encryption/text-cipher.ts';
import { nameOfSession } from '../../src/stores/redis/names.ts';
import { sharedRedisPort } from '../helpers/redis.ts';
import { newUser, type SessionStorePorts, sessionIdFor } from './session-store/harness.ts';
import { PATIENT_MS, redisHarness } from './session-store/redis-harness.ts';
import { sessionStoreContract } from './session-store/suite.ts';
import { sqliteHarness } from './sqlite/session-harness.ts';

const newKey = (id: string): CipherKey => ({ id, key: randomBytes(32) });

function encrypted<S extends SessionStorePorts>(store: S, keys: readonly [CipherKey, ...CipherKey[]]) {
  const unreadable: string[] = [];
  const oldKeys: string[] = [];
  const cipher = createTextCipher({ keys, onOldKey: (id) => oldKeys.push(id) });
  const wrapped = encryptSessions(store, {
    cipher,
    onUnreadable: (sessionId, { reason, keyId }) => unreadable.push(`${sessionId} ${reason} ${keyId}`),
  });
  return { store: wrapped, unreadable, oldKeys };
}

sessionStoreContract('encrypted session store', async () => {
  const harness = await sqliteHarness();
  return { ...harness, store: encrypted(harness.store, [newKey('a')]).store };
});

const SECRET = 'only the owner knows';
const draft = {
  dashboardContext: `{"source_section":"x","metadata":{"note":"${SECRET}"}}`,
  expectedFileSize: 1000,
  fileFormat: 'mp4',
  filename: `${SECRET}.mp4`,
  sha256: null,
  uploadMetadata: `filename ${Buffer.from(SECRET).toString('base64')}`,
};

async function admitted(store: SessionStorePorts, userId: string): Promise<string> {
  const sessionId = sessionIdFor(userId);
  const admission = {
    sessionId,
    userId,
    draft,
    requestedBytes: 1000,
    maxFileSize: 1000,
    maxActiveSessions: 10,
    ttlMs: 60_000,
    maxLifetimeMs: 60_000,
    idempotency: null,
  };
  const now = Date.now();
  const account = {
    userId,
    limitBytes: 1e6,
    usedBytes: 0,
    periodStart: now - 1000,
    periodEnd: now + 1e9,
    version: 1,
  };
  await store.load(account, [], []);
  const result = await store.admit(admission);
  assert.equal(result.kind, 'admitted');
  return sessionId;
}

test('nothing a user told stands in Redis in the clear, and it all comes back', async (t) => {
  const harness = await redisHarness(sharedRedisPort(), PATIENT_MS);
  t.after(() => harness.close());
  const { store } = encrypted(harness.bare, [newKey('a')]);
  const sessionId = await admitted(store, newUser());

  for (const key of await harness.redis.keys(`${harness.prefix}:*`)) {
    const dump = await harness.redis.dumpBuffer(key);
    for (const told of [SECRET, 'source_section', Buffer.from(SECRET).toString('base64').slice(0, 20)]) {
      assert.ok(!dump?.includes(told), `${key} holds ${told}`);
    }
  }
  const { dashboardContext, filename, uploadMetadata } = (await store.find(sessionId)) ?? {};
  assert.deepEqual(
    { dashboardContext, filename, uploadMetadata },
    {
      dashboardContext: draft.dashboardContext,
      filename: draft.filename,
      uploadMetadata: draft.uploadMetadata,
    },
  );
});

test('a ciphertext moved to another session, changed, or of a lost key is refused and told of', async (t) => {
  const harness = await redisHarness(sharedRedisPort(), PATIENT_MS);
  t.after(() => harness.close());
  const { store, unreadable } = encrypted(harness.bare, [newKey('a')]);
  const userId = newUser();
  const [victim, thief] = [await admitted(store, userId), await admitted(store, userId)];
  const document = (id: string) => `${harness.prefix}:{${id.slice(0, 3)}}:s:${nameOfSession(id)}`;
  const stolen = (await harness.redis.get(document(victim))) ?? '';
  const own = (await harness.redis.get(document(thief))) ?? '';
  const flipped = own.slice(0, -1) + (own.endsWith('A') ? 'B' : 'A');

  for (const [put, reason] of [
    [stolen, `${thief} not_authentic a`],
    [flipped, `${thief} not_authentic a`],
    [own.replace('enc1.a.', 'enc1.b.'), `${thief} unknown_key b`],
    [own.replace('enc1.a.', 'enc1.a'), `${thief} unknown_key `],
  ] as const) {
    await harness.redis.set(document(thief), put);
    unreadable.length = 0;
    await assert.rejects(store.find(thief), (error) => {
      assert.ok(error instanceof SluiceError);
      assert.equal(error.code, 'INTERNAL_ERROR');
      assert.doesNotMatch(error.message, /crypt|key|[0-9a-f]{8}-/);
      return true;
    });
    assert.deepEqual(unreadable, [reason]);
  }
  const live = await store.liveSessions(userId);
  assert.deepEqual(
    live.map(({ sessionId }) => sessionId),
    [victim],
    'the others are still listed',
  );
  const ended = await store.end(thief, { status: 'cancelled', failure: null });
  assert.equal(ended.kind, 'ended', 'an unreadable session can still be put an end to');
});

test('keys rotate: all decrypt, the first encrypts, and the use of an old one is told once', async (t) => {
  const harness = await redisHarness(sharedRedisPort(), PATIENT_MS);
  t.after(() => harness.close());
  const [old, fresh] = [newKey('2025'), newKey('2026')];
  const userId = newUser();
  const plain = await admitted(harness.bare, userId);
  const before = await admitted(encrypted(harness.bare, [old]).store, userId);

  const rotated = encrypted(harness.bare, [fresh, old]);
  const after = await admitted(rotated.store, userId);
  for (const id of [plain, before, after, before]) {
    assert.equal((await rotated.store.find(id))?.filename, draft.filename);
  }
  assert.deepEqual(rotated.oldKeys, ['2025']);

  const retired = encrypted(harness.bare, [fresh]);
  assert.equal((await retired.store.find(after))?.filename, draft.filename);
  await assert.rejects(retired.store.find(before));
  assert.deepEqual(retired.unreadable, [`${before} unknown_key 2025`]);
});

test('the same text never looks the same twice, and opens under its own context alone', () => {
  const cipher = createTextCipher({ keys: [newKey('a')] });
  const context = randomUUID();
  const [one, two] = [cipher.seal(SECRET, context), cipher.seal(SECRET, context)];
  assert.notEqual(one, two);
  assert.deepEqual(cipher.open(one, context), { kind: 'opened', text: SECRET });
  assert.equal(cipher.open(one, randomUUID()).kind, 'unreadable');
  const nonces = new Set(
    Array.from({ length: 2000 }, () =>
      Buffer.from(cipher.seal('', context).split('.')[2] ?? '', 'base64url').toString('hex', 0, 12),
    ),
  );
  assert.equal(nonces.size, 2000);
});
