import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../e2e/until.ts';
import { P, target } from './target.ts';

/** What strangers can write into the log, and what stands in it of those who are none. That no secret does is checked after every file of these tests. */

const victim = target(() => ({ RATE_LIMIT_FAILED_AUTH: '20' }));
const { call, raw } = victim;

test('nothing that is sent can break or disguise a line', async () => {
  const nasty = [
    '%0d%0a{"level":60,"audit":true,"event":"forged"}',
    '%1b%5b2J%1b%5b31mforged',
    '%c2%9b2Jforged',
    '%e2%80%aeforged',
    '%e2%81%a6forged',
    '%e2%80%a8forged',
    '%00forged',
  ];
  for (const text of nasty) {
    for (const path of [
      `/v1/uploads/${text}`,
      `/v1/${text}`,
      `${P}/sessions?after=${text}`,
      `${P}/quota?${text}`,
    ]) {
      await call(path, {
        token: 'a.b.c',
        headers: { 'user-agent': decodeLatin(text), 'x-request-id': decodeLatin(text) },
      }).catch(() => {});
    }
  }
  // Raw bytes, as no library sends them: C1 controls and bidirectional overrides in UTF-8.
  for (const bytes of ['\x9b2Jforged', '\xe2\x80\xaeforged', '\x7fforged']) {
    await raw(
      `GET /v1/${encodeURI('x')} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: ${bytes}\r\nUser-Agent: ${bytes}\r\nAuthorization: Bearer ${bytes}\r\n\r\n`,
    );
  }
  const { output } = victim.service;
  assert.doesNotMatch(output.replaceAll('\n', ''), /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u);
  for (const line of victim.logLines()) assert.notEqual(line.event, 'forged');
});

function decodeLatin(text: string): string {
  return decodeURIComponent(text).replace(/[^\x20-\x7e]/g, '');
}

test('who failed to sign in, was refused, began, ended and changed a quota stands in the audit, by pseudonym', async () => {
  const admin = await victim.sign({ permissions: ['manage_quota', 'create_sessions'] });
  const session = await victim.session();
  await call(`${P}/quota`, { token: 'x.y.z' });
  await call(`${P}/cleanup`, { method: 'POST' });
  await call(`${P}/sessions/${session.id}`, { method: 'DELETE' });
  await call(`/v1/admin/users/${victim.user}/quota`, {
    method: 'PUT',
    token: admin,
    json: { quota_limit: 5_000_000 },
  });

  const audited = () => victim.logLines().filter(({ audit }) => audit === true);
  await until('the audit is written', () => audited().some(({ event }) => event === 'quota.changed'));
  const one = (event: string, more: object = {}) => {
    const found = audited().find((line) =>
      Object.entries({ event, ...more }).every(([key, value]) => line[key] === value),
    );
    assert.ok(found, `${event} ${JSON.stringify(more)}`);
    return found;
  };
  const failed = one('authentication.failed', { path: `${P}/quota` });
  assert.deepEqual([failed.address, failed.status], ['127.0.0.1', 401]);
  assert.equal(typeof failed.reqId, 'string');
  const refused = one('request.refused', { path: `${P}/cleanup` });
  assert.deepEqual([refused.error_code, refused.reason], ['PERMISSION_DENIED', 'manage_quota']);
  const created = one('session.created', { session_id: session.id });
  assert.equal(created.subject, refused.subject, 'one user, one pseudonym');
  one('session.cancelled', { session_id: session.id });
  one('quota.changed', { subject: created.subject, quota_limit: 5_000_000 });
  one('keys.configured');
  assert.doesNotMatch(JSON.stringify(audited()), new RegExp(`"(subject|by)":"${victim.user}"`));
});

test('a flood of bad credentials fills no log', async () => {
  const count = () => victim.logLines().filter(({ audit }) => audit === true).length;
  const before = count();
  const statuses = await Promise.all(
    Array.from({ length: 300 }, async (_, n) => (await call(`${P}/quota`, { token: `flood.${n}.x` })).status),
  );
  assert.ok(statuses.filter((status) => status === 429).length >= 250);
  assert.ok(count() - before <= 40, `${count() - before} lines for 300 tries`);
});

test('strangers who are refused without credentials fill no log, and hide no other line', async () => {
  const refusals = (path: string) =>
    victim.logLines().filter((line) => line.event === 'request.refused' && line.path === path);
  const multipart = '/v1/uploads/s3/multipart';
  const flood = await Promise.all(
    Array.from({ length: 60 }, () =>
      call(multipart, { token: null, method: 'POST', body: 'x', headers: { 'content-type': 'text/xml' } }),
    ),
  );
  assert.ok(flood.every(({ status }) => status === 415));
  const other = `/v1/admin/users/${victim.user}/quota`;
  assert.equal((await call(other)).status, 403);
  await until('the other line is written', () => refusals(other).length > 0);
  const lines = refusals(multipart).length;
  assert.ok(lines >= 1 && lines <= 10, `${lines} lines for 60 requests`);
});

test('a token behind a number sign, where the router takes it, is in no line and no answer', async () => {
  const session = await victim.session();
  const refused = await raw(
    `PUT ${session.path}#token=${session.token} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(1000)}`,
  );
  assert.match(refused, /^HTTP\/1\.1 415 /);
  assert.ok(refused.includes(`"instance":"${session.path}"`), refused);
  const lines = () => victim.logLines().filter(({ path }) => String(path).startsWith(session.path));
  await until('the refusal is written', () => lines().length > 0);
  assert.deepEqual(new Set(lines().map(({ path }) => path)), new Set([session.path]));
});
