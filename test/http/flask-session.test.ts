import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { createFlaskSessions, memberOf, textOf } from '../../src/http/auth/flask-session.ts';

/** Cookies that Flask itself signed: see test/fixtures/flask/make-cookies.py. */
const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/flask/cookies.json', import.meta.url), 'utf8'),
) as {
  user_id: string;
  signed_at: number;
  secret: string;
  retired: string;
  cookies: Record<string, string>;
};
const MAX_AGE = 31 * 86_400;
const now = fixture.signed_at * 1000 + 60_000;
const sessions = createFlaskSessions({ secrets: [fixture.secret], maxAgeSeconds: MAX_AGE });

function cookie(name: string): string {
  const value = fixture.cookies[name];
  assert.ok(value, `no cookie "${name}" in the fixture`);
  return value;
}

function userOf(name: string, reader = sessions, at = now): string | null {
  const session = reader.read(cookie(name), at);
  return session === null ? null : textOf(memberOf(session, 'user_id'));
}

test('a session that Flask signed is read: plain, compressed, tagged, with a UUID object', () => {
  for (const name of ['plain', 'compressed', 'tagged', 'uuid', 'permissions']) {
    assert.equal(userOf(name), fixture.user_id, name);
  }
});

test('a cookie of another key, another salt or a retired key is not taken', () => {
  for (const name of ['other_key', 'other_salt', 'retired_key']) assert.equal(userOf(name), null, name);
});

test('a fallback key is good for as long as it is listed', () => {
  const rotated = createFlaskSessions({
    secrets: [fixture.secret, fixture.retired],
    maxAgeSeconds: MAX_AGE,
  });
  assert.equal(userOf('retired_key', rotated), fixture.user_id);
  assert.equal(userOf('plain', rotated), fixture.user_id);
  assert.equal(userOf('other_key', rotated), null);
});

test('a cookie ages: good up to its maximum age, not a second longer, and not before it was signed', () => {
  const end = (fixture.signed_at + MAX_AGE) * 1000;
  assert.equal(userOf('plain', sessions, end + 999), fixture.user_id);
  assert.equal(userOf('plain', sessions, end + 1000), null);
  assert.equal(userOf('future'), null);
  assert.equal(userOf('plain', sessions, (fixture.signed_at - 30) * 1000), fixture.user_id);
  assert.equal(userOf('plain', sessions, (fixture.signed_at - 31) * 1000), null);
});

test('five megabytes behind a valid signature are not inflated', () => {
  assert.ok(cookie('bomb').length < 8192, 'the bomb must be small enough to be looked at');
  assert.equal(userOf('bomb'), null);
});

test('a user under __proto__ is nobody', () => {
  const session = sessions.read(cookie('proto'), now);
  assert.ok(session);
  assert.equal(memberOf(session, 'user_id'), undefined);
});

test('no other spelling of a signed cookie is taken', () => {
  const good = cookie('plain');
  const letter = fc.constantFrom(...'ABCabc019-_.=+/ \n\0é');
  fc.assert(
    fc.property(fc.nat(good.length - 1), letter, fc.boolean(), (at, put, insert) => {
      const other = good.slice(0, at) + put + good.slice(at + (insert ? 0 : 1));
      // The last letter of a signature has two bits that mean nothing; all else must count.
      fc.pre(other !== good && at < good.length - 1);
      return sessions.read(other, now) === null;
    }),
    { numRuns: 2000 },
  );
});

test('any text at all gives null, never an exception', () => {
  const part = fc.oneof(fc.string(), fc.base64String(), fc.constantFrom('', '.', '..'));
  fc.assert(
    fc.property(fc.array(part), (parts) => sessions.read(parts.join('.'), now) === null),
    { numRuns: 2000 },
  );
});
