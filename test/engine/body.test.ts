import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { releaseMemory } from '../../src/core/release-memory.ts';
import { openRequestBody } from '../../src/engine/body.ts';

const CHUNKED = { 'transfer-encoding': 'chunked' };
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

function source() {
  return new Readable({ read() {} });
}

test('bytes that came before a client died are still there to be taken', async () => {
  const request = source();
  const body = openRequestBody(request, CHUNKED);
  request.push(Buffer.from('some'));
  request.push(Buffer.from(' bytes'));
  await nextTurn();
  request.destroy(new Error('aborted'));
  await body.ready(1000);
  assert.equal(body.state, 'cut');
  assert.equal(Buffer.concat(body.take()).toString(), 'some bytes');
});

test('bytes that were not read yet when a client died are not lost', async () => {
  const request = source();
  const body = openRequestBody(request, CHUNKED);
  for (let n = 0; n < 3; n += 1) {
    request.push(Buffer.alloc(50_000, n));
    await nextTurn();
  }
  assert.equal(body.gathered, 100_000);
  request.destroy(new Error('aborted'));
  await body.ready(1_000_000);
  assert.equal(Buffer.concat(body.take()).length, 150_000);
  assert.equal(body.received, 150_000);
});

test('the source is paused above the high-water mark, and read on once the bytes are taken', async () => {
  const request = source();
  const body = openRequestBody(request, CHUNKED);
  body.widen(100_000);
  for (let n = 0; n < 20; n += 1) request.push(randomBytes(10_000));
  await nextTurn();
  assert.equal(body.paused, true);
  assert.equal(body.gathered, 100_000);
  assert.equal(body.take().length, 10);
  await nextTurn();
  assert.equal(body.gathered, 100_000);
});

test('before anybody is known to want the bytes, few are gathered', async () => {
  const request = source();
  const body = openRequestBody(request, CHUNKED);
  for (let n = 0; n < 20; n += 1) request.push(randomBytes(10_000));
  await nextTurn();
  assert.equal(body.gathered, 70_000);
});

test('a body of one-byte pieces is gathered in few', async () => {
  const request = source();
  const body = openRequestBody(request, CHUNKED);
  body.widen(1 << 20);
  const bytes = randomBytes(150_000);
  for (const byte of bytes) request.push(Buffer.from([byte]));
  request.push(null);
  await body.ready(Number.POSITIVE_INFINITY);
  const pieces = body.take();
  assert.ok(pieces.length <= 3, `${pieces.length} pieces`);
  assert.ok(Buffer.concat(pieces).equals(bytes));
});

test('a request without a body has ended before it began', () => {
  const body = openRequestBody(source(), {});
  assert.deepEqual([body.state, body.declaredLength], ['ended', 0]);
});

test('an error of a request that nobody reads does not end the process', async () => {
  const request = source();
  openRequestBody(request, {});
  request.destroy(new Error('ECONNRESET'));
  await nextTurn();
});

test('a drain ends with the body, or in time', async () => {
  for (const [push, bounds] of [
    [() => null, { bytes: 20_000, ms: 60_000 }],
    [undefined, { bytes: 20_000, ms: 20 }],
  ] as const) {
    const request = source();
    const body = openRequestBody(request, CHUNKED);
    const feeding = push && setInterval(() => request.push(push()), 1);
    await body.drain(bounds);
    clearInterval(feeding);
    request.destroy();
  }
});

test('a drain reads no more than its bound of bytes, and leaves the client time to read the answer', async () => {
  const request = source();
  const body = openRequestBody(request, CHUNKED);
  const began = performance.now();
  const drained = body.drain({ bytes: 20_000, ms: 50 });
  let read = 0;
  request.on('data', (chunk: Buffer) => {
    read += chunk.length;
  });
  for (let n = 0; n < 5; n += 1) request.push(Buffer.alloc(10_000));
  await drained;
  request.destroy();
  assert.equal(read, 20_000);
  assert.ok(performance.now() - began >= 49);
});

test('released pieces give their memory back, those that share it do not', () => {
  const own = Buffer.alloc(70_000, 1);
  const shared = Buffer.from(new ArrayBuffer(100), 10, 20);
  releaseMemory([own, shared]);
  assert.equal(own.length, 0);
  assert.equal(shared.length, 20);
});
