import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createAudit } from '../../src/log/audit.ts';
import { createLogger } from '../../src/log/logger.ts';

function memoryLogger() {
  const lines: string[] = [];
  const log = createLogger({ level: 'trace', destination: { write: (line) => void lines.push(line) } });
  return { log, lines };
}

/** What a terminal or a viewer could act on: controls, and characters that turn or hide text. */
const DANGEROUS = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\u200b\u2060\ufeff\u00ad]/u;

test('whatever is logged stays one line of JSON that means the same and shows no control character', () => {
  const { log, lines } = memoryLogger();
  const character = fc.oneof(
    fc.nat(0x2fff).map((code) => String.fromCharCode(code)),
    fc.constantFrom('\r', '\n', '\x1b', '\u202e', '\u2066', '\u2028', '\x9b', '\x7f', '\u200f', '"', '\\'),
  );
  fc.assert(
    fc.property(fc.array(character), (characters) => {
      const text = characters.join('');
      fc.pre(!/token=|bearer|basic|eyJ|whsec_|:\/\//i.test(text));
      lines.length = 0;
      log.info({ filename: text, nested: { [text]: text } }, text);
      const [line = '', ...more] = lines;
      assert.equal(more.length, 0);
      assert.ok(line.endsWith('\n'));
      assert.doesNotMatch(line.slice(0, -1), DANGEROUS);
      assert.equal(JSON.parse(line).filename, text.toWellFormed());
    }),
    { numRuns: 500 },
  );
});

test('secrets are taken out wherever they come from', () => {
  const { log, lines } = memoryLogger();
  const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoiMSJ9.c2lnbmF0dXJl';
  const token = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
  log.info({
    url: `/v1/uploads/1?token=${token}&x=1`,
    headers: { authorization: `Bearer ${jwt}`, cookie: 'session=abcdef' },
  });
  log.warn(
    { err: new Error(`connect postgres://user:pa55word@db:5432/x failed for Bearer ${token}`) },
    `got ${jwt}`,
  );
  log.warn({ err: new Error('outer', { cause: new Error(`redis://:pa55word@h:1 and whsec_${token}=`) }) });
  const written = lines.join('');
  for (const secret of [jwt, 'c2lnbmF0dXJl', token, 'pa55word', 'abcdef']) {
    assert.ok(!written.includes(secret), secret);
  }
  assert.match(written, /"url":"\/v1\/uploads\/1\?token=\[secret\]&x=1"/);
  for (const line of lines) JSON.parse(line);
});

test('of an error nothing is logged but kind, message, code, stack and causes', () => {
  const { log, lines } = memoryLogger();
  const error = Object.assign(
    new Error('ERR wrong', { cause: Object.assign(new Error('inner'), { query: 'holiday.mp4' }) }),
    {
      code: 'X1',
      command: { name: 'evalsha', args: ['holiday.mp4'] },
      parameters: ['holiday.mp4'],
    },
  );
  log.error({ err: error });
  assert.doesNotMatch(lines.join(''), /holiday/);
  const { err } = JSON.parse(lines[0] ?? '');
  assert.equal(err.code, 'X1');
  assert.equal(err.cause.message, 'inner');
});

test('a user has one pseudonym in the audit, another with another key, and is never named', () => {
  const { log, lines } = memoryLogger();
  const audit = createAudit({ log, key: new Uint8Array(32).fill(1) });
  const other = createAudit({ log, key: new Uint8Array(32).fill(2) });
  const user = '12345678-1234-5678-9012-123456789012';
  assert.equal(audit.subject(user), audit.subject(user));
  assert.notEqual(audit.subject(user), other.subject(user));
  audit.record('quota.changed', { subject: audit.subject(user) });
  const line = JSON.parse(lines[0] ?? '');
  assert.deepEqual([line.audit, line.event], [true, 'quota.changed']);
  assert.doesNotMatch(lines.join(''), new RegExp(user));
});
