import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { ERROR_CODES } from '../../src/core/errors.ts';
import { errorFromAnswer, retryAfterSeconds } from '../src/api/problem.ts';
import { createStreamReader } from '../src/api/sse.ts';
import { SERVER_ERROR_CODES, SluiceApiError } from '../src/errors.ts';
import { createSha256 } from '../src/hash/sha256.ts';
import { createPatience, delayMs, sleep } from '../src/retry.ts';
import { createSpeed } from '../src/upload/speed.ts';
import { seededRandom } from './helpers/random.ts';

test('the client knows every error code of the service', () => {
  const known: readonly string[] = SERVER_ERROR_CODES;
  assert.deepEqual(
    ERROR_CODES.filter((code) => !known.includes(code)),
    [],
  );
});

test('a problem becomes an error with its code, status, pause and details', () => {
  const error = errorFromAnswer({
    status: 429,
    body: JSON.stringify({ error_code: 'QUOTA_EXCEEDED', error_message: 'Full.', details: { required: 5 } }),
    header: (name) => (name === 'Retry-After' ? '90' : null),
  });
  assert.equal(error.code, 'QUOTA_EXCEEDED');
  assert.equal(error.message, 'Full.');
  assert.equal(error.status, 429);
  assert.equal(error.retryAfterSeconds, 90);
  assert.deepEqual(error.details, { required: 5 });
});

test("an answer that is not the service's own is told as such", () => {
  for (const body of ['<html>Bad gateway</html>', '', '[]', 'null', '{"error":"x"}']) {
    const error = errorFromAnswer({ status: 502, body, header: () => null });
    assert.equal(error.code, 'UNEXPECTED_RESPONSE');
    assert.equal(error.status, 502);
  }
});

test('Retry-After is read as seconds or as a date, and nothing else', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  assert.equal(retryAfterSeconds('7', now), 7);
  assert.equal(retryAfterSeconds('Thu, 01 Jan 2026 00:01:00 GMT', now), 60);
  assert.equal(retryAfterSeconds('Wed, 31 Dec 2025 00:00:00 GMT', now), 0);
  for (const wrong of [null, '', 'soon', '-']) assert.equal(retryAfterSeconds(wrong, now), null);
});

test('pauses double up to the longest, are spread, and are never shorter than Retry-After', () => {
  const pauses = [0, 1, 2, 3, 10].map((failures) => delayMs(failures, null, 500, 30_000, () => 1));
  assert.deepEqual(pauses, [500, 1000, 2000, 4000, 30_000]);
  assert.equal(
    delayMs(0, null, 500, 30_000, () => 0),
    250,
  );
  const random = seededRandom(3);
  for (let i = 0; i < 100; i++) assert.ok(delayMs(i % 5, 8, 500, 30_000, random) >= 8000);
});

test('a pause longer than timers can wait does not end at once', async () => {
  const stopped = new AbortController();
  const long = sleep(2 ** 31, stopped.signal).then(() => 'over');
  // A timer that overflows takes one millisecond.
  assert.equal(await Promise.race([long, sleep(50, stopped.signal).then(() => 'waits')]), 'waits');
  stopped.abort();
  await assert.rejects(long);
});

test('a quota that is used up is not waited for, however long one would', async () => {
  const patience = createPatience(
    { online: () => true, whenOnline: () => Promise.resolve() },
    { maxRetryAfterSeconds: Number.POSITIVE_INFINITY },
  );
  const full = new SluiceApiError('QUOTA_EXCEEDED', 'Full.', { status: 429, retryAfterSeconds: 30 * 86_400 });
  await assert.rejects(patience.wait(full, new AbortController().signal), full);
});

test('the event stream is read in pieces of any size, with every line ending', () => {
  const text =
    ': heartbeat\n\nid: 1\nevent: progress\ndata: {"a":1}\n\r\nretry: 250\r\nid: 2\r\ndata: one\r\ndata: two\r\n\r\n' +
    'event: no data\n\ndata:tight\rid:3\r\revent: unfinished\ndata: x\n';
  const expected = [
    { event: 'progress', data: '{"a":1}', id: '1' },
    { event: 'message', data: 'one\ntwo', id: '2' },
    { event: 'message', data: 'tight', id: '3' },
  ];
  for (let size = 1; size <= text.length; size++) {
    const reader = createStreamReader();
    const events = [];
    for (let at = 0; at < text.length; at += size) events.push(...reader.push(text.slice(at, at + size)));
    assert.deepEqual(events, expected, `in pieces of ${size}`);
    assert.equal(reader.retryMs(), 250);
  }
});

test('the own SHA-256 is the same as OpenSSL, whatever the lengths and pieces', () => {
  const random = seededRandom(4);
  for (let length = 0; length < 300; length++) {
    const bytes = Uint8Array.from({ length }, () => random() * 256);
    const hash = createSha256();
    for (let at = 0; at < length; ) {
      const size = 1 + Math.floor(random() * 100);
      hash.update(bytes.subarray(at, at + size));
      at += size;
    }
    assert.equal(hash.hex(), createHash('sha256').update(bytes).digest('hex'), `length ${length}`);
  }
});

test('speed is the mean of the last seconds, and begins anew where the offset falls', () => {
  const speed = createSpeed();
  speed.note(0, 0);
  speed.note(100, 100);
  assert.equal(speed.bytesPerSecond(), null);
  for (let at = 1000; at <= 20_000; at += 500) speed.note(at, at);
  assert.equal(speed.bytesPerSecond(), 1000);
  speed.note(5, 21_000);
  assert.equal(speed.bytesPerSecond(), null);
});
