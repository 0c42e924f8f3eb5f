import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  allShards,
  newSessionId,
  parseUuid,
  SHARD_COUNT,
  shardOfSession,
  shardOfUser,
} from '../../src/core/session-id.ts';

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('a session id is a valid UUIDv4 that names its shard', () => {
  for (const shard of allShards()) {
    const id = newSessionId(shard);
    assert.match(id, UUID_V4);
    assert.equal(shardOfSession(id), shard);
  }
});

test('session ids of one shard do not repeat', () => {
  const ids = new Set(Array.from({ length: 10_000 }, () => newSessionId('a3f')));
  assert.equal(ids.size, 10_000);
});

test('there are 4096 shards, each three hex digits', () => {
  const shards = [...allShards()];
  assert.equal(new Set(shards).size, SHARD_COUNT);
  assert.ok(shards.every((shard) => /^[0-9a-f]{3}$/.test(shard)));
});

test('a user keeps the shard under one key and gets another spread under another key', () => {
  const [one, other] = [randomBytes(32), randomBytes(32)];
  const users = Array.from({ length: 64 }, () => randomUUID());
  const shards = users.map((user) => shardOfUser(one, user));
  assert.deepEqual(
    users.map((user) => shardOfUser(one, user)),
    shards,
  );
  assert.notDeepEqual(
    users.map((user) => shardOfUser(other, user)),
    shards,
  );
  assert.ok(new Set(shards).size > 48, 'users crowd few shards');
});

test('a UUID of any version is read in lower case; anything else is none', () => {
  assert.equal(parseUuid('12345678-1234-5678-9012-123456789012'), '12345678-1234-5678-9012-123456789012');
  assert.equal(parseUuid('ABCDEF01-1234-1234-1234-ABCDEF012345'), 'abcdef01-1234-1234-1234-abcdef012345');
  const none = fc.string().filter((text) => !/^[0-9a-f-]{36}$/i.test(text));
  fc.assert(fc.property(none, (text) => parseUuid(text) === null));
  const uuid = randomUUID();
  for (const wrong of [`${uuid}\n`, ` ${uuid}`, `{${uuid}}`, uuid.replaceAll('-', ''), `${uuid}0`]) {
    assert.equal(parseUuid(wrong), null);
  }
});
