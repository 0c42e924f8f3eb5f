import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { createUploadTokens } from '../../src/http/auth/upload-token.ts';
import { initiateBody, P, STORES, signToken, startApp } from '../helpers/app.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const tokens = createUploadTokens({ keys: [randomBytes(32)], maxLifetimeMs: DAY });
const session = { sessionId: randomUUID(), userId: randomUUID(), createdAt: 1_700_000_000_000 };
const during = session.createdAt + 1000;

test('an upload token is good for its session until that can have ended and been forgotten', () => {
  const token = tokens.issue(session);
  assert.match(token, /^[\w-]+$/);
  assert.ok(tokens.verify(token, session, during));
  assert.ok(tokens.verify(token, session, session.createdAt + DAY + HOUR));
  assert.ok(!tokens.verify(token, session, session.createdAt + DAY + 2 * HOUR));
  assert.equal(tokens.issue(session), token);
});

test('a token that is issued again is that of the session as it is, whatever was asked for before', () => {
  const again = createUploadTokens({ keys: [randomBytes(32)], maxLifetimeMs: DAY });
  for (const one of [
    session,
    { ...session, userId: randomUUID() },
    { ...session, createdAt: session.createdAt + HOUR },
    { ...session, sessionId: randomUUID() },
    session,
  ]) {
    const token = again.reissue(one);
    assert.equal(token, again.issue(one));
    assert.equal(again.reissue(one), token);
    assert.ok(again.verify(token, one, one.createdAt));
  }
});

test('an upload token is good for no other session, owner or key', () => {
  const token = tokens.issue(session);
  assert.ok(!tokens.verify(token, { ...session, sessionId: randomUUID() }, during));
  assert.ok(!tokens.verify(token, { ...session, userId: randomUUID() }, during));
  const others = createUploadTokens({ keys: [randomBytes(32)], maxLifetimeMs: DAY });
  assert.ok(!others.verify(token, session, during));
});

test('an upload token with any character changed, cut off or added is not good', () => {
  const token = tokens.issue(session);
  for (let at = 0; at < token.length; at += 1) {
    const changed = token[at] === 'A' ? 'B' : 'A';
    const forged = token.slice(0, at) + changed + token.slice(at + 1);
    assert.ok(!tokens.verify(forged, session, during), `character ${at}`);
  }
  // The last character has two bits to spare: a token has one spelling all the same.
  for (const last of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') {
    if (last === token.at(-1)) continue;
    assert.ok(!tokens.verify(token.slice(0, -1) + last, session, during), last);
  }
  for (const bad of [
    '',
    token.slice(1),
    token.slice(0, -1),
    `${token}A`,
    `${token}=`,
    ` ${token}`,
    '!'.repeat(51),
  ]) {
    assert.ok(!tokens.verify(bad, session, during), bad);
  }
});

for (const store of STORES) {
  test(`${store}: the resource lets in its token or its owner, and tells the others apart`, async (t) => {
    const app = await startApp(t, { store });
    const made = await app.call(`${P}/initiate`, { json: initiateBody() });
    const other = await app.call(`${P}/initiate`, { json: initiateBody() });
    const resource = `/v1/uploads/${made.body.session_id}`;
    const token = new URL(made.body.upload_url).searchParams.get('token') ?? '';
    const foreign = new URL(other.body.upload_url).searchParams.get('token') ?? '';
    const stranger = await signToken({ user_id: randomUUID() });
    const none = { token: null };

    const cases: readonly (readonly [string, object, number, string?])[] = [
      [`${resource}?token=${token}`, none, 200],
      [resource, {}, 200],
      [`${resource}?token=${foreign}`, none, 403, 'UNAUTHORIZED_ACCESS'],
      [`${resource}?token=${token}x`, none, 403, 'UNAUTHORIZED_ACCESS'],
      [`${resource}?token=`, none, 403, 'UNAUTHORIZED_ACCESS'],
      [`${resource}?token=${token}&token=${token}`, none, 403, 'UNAUTHORIZED_ACCESS'],
      [resource, { token: stranger }, 403, 'UNAUTHORIZED_ACCESS'],
      [resource, none, 401, 'UNAUTHENTICATED'],
      [`/v1/uploads/${randomUUID()}?token=${token}`, none, 404, 'SESSION_NOT_FOUND'],
      [`/v1/uploads/${randomUUID()}`, none, 404, 'SESSION_NOT_FOUND'],
    ];
    for (const [path, request, status, code] of cases) {
      const answer = await app.call(path, request);
      assert.equal(answer.status, status, path);
      assert.equal(answer.body.error_code, code, path);
    }
    assert.equal((await app.call(`${P}/quota?token=${token}`, none)).status, 401);
  });
}
