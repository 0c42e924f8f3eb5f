import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createMemoryBudget, type Lease } from '../../src/stores/s3/memory-budget.ts';
import { until } from '../e2e/until.ts';
import { createAcknowledgedStore, createTestBucket, type TestBucket } from '../helpers/s3.ts';

const PART = 5 << 20;

test('room is given in the order it was asked for, and never more than there is', async () => {
  const budget = createMemoryBudget(100, { slabBytes: 1000 });
  const first = await budget.take(60);
  const order: string[] = [];
  const large = budget.take(80).then((lease) => {
    order.push('large');
    return lease;
  });
  const small = budget.take(10).then((lease) => {
    order.push('small');
    return lease;
  });
  assert.equal(budget.waiting, 2, 'the small one would fit, but it is not its turn');
  first.release(true);
  first.release(true);
  const leases = await Promise.all([large, small]);
  assert.deepEqual(order, ['large', 'small']);
  assert.equal(budget.usedBytes, 90);
  for (const lease of leases) lease.release(true);
  assert.equal(budget.usedBytes, 0);
});

test('more than the whole budget is given only when nothing else is', async () => {
  const budget = createMemoryBudget(100, { slabBytes: 1000 });
  const first = await budget.take(1);
  const whole = budget.take(500);
  assert.equal(budget.waiting, 1);
  first.release(true);
  (await whole).release(true);
});

test('who stops waiting does not keep the others waiting', async () => {
  const budget = createMemoryBudget(100, { slabBytes: 1000 });
  const held = await budget.take(100);
  const impatient = new AbortController();
  const left = budget.take(100, impatient.signal);
  const next = budget.take(50);
  impatient.abort('taken_over');
  await assert.rejects(left, (reason) => reason === 'taken_over');
  held.release(true);
  (await next).release(true);
  assert.equal(budget.waiting, 0);
  await assert.rejects(budget.take(1, impatient.signal), (reason) => reason === 'taken_over');
});

test('while others wait, the one who holds unfinished room for longest is asked for it', async () => {
  const budget = createMemoryBudget(100, { patienceMs: 10, slabBytes: 1000 });
  const asked: string[] = [];
  const hold = async (name: string): Promise<Lease> => {
    const lease = await budget.take(50);
    lease.yieldable(() => {
      asked.push(name);
      lease.release(true);
    });
    return lease;
  };
  await hold('first');
  const second = await hold('second');
  (await budget.take(50)).release(true);
  assert.deepEqual(asked, ['first']);
  second.settle();
});

let bucket: TestBucket;
before(async () => {
  bucket = await createTestBucket();
});
after(() => bucket.remove());

test('64 writers at once stay within the budget of the process', async () => {
  const budgetBytes = 8 * PART;
  const { blobs, budget } = createAcknowledgedStore({
    ...{ ...bucket, memoryBudgetBytes: budgetBytes, smallestPartBytes: PART },
  });
  const bytes = randomBytes(PART + 1000);
  let most = 0;
  const uploads = Array.from({ length: 64 }, async () => {
    const ref = { sessionId: randomUUID(), storage: null };
    const at = { offset: 0, length: bytes.length, epoch: 1, sole: true };
    const writer = await blobs.open(ref, at);
    for (let from = 0; from < bytes.length; from += 1 << 20) {
      await writer.write([bytes.subarray(from, from + (1 << 20))]);
      most = Math.max(most, budget.usedBytes);
    }
    await writer.close();
    const { offset, storage } = writer.progress();
    assert.equal(offset, bytes.length);
    await blobs.discard({ ...ref, storage }, null);
  });
  await Promise.all(uploads);
  assert.ok(most > budgetBytes / 2 && most <= budgetBytes, `${most} of ${budgetBytes} bytes`);
  assert.equal(budget.usedBytes, 0);
});

test('clients that trickle do not keep the others from the memory, and lose nothing', async () => {
  const { blobs, budget } = createAcknowledgedStore({
    ...{ ...bucket, memoryBudgetBytes: 2 * PART, smallestPartBytes: PART, patienceMs: 50 },
  });
  const bytes = randomBytes(PART + 5000);
  const at = { offset: 0, length: bytes.length, epoch: 1, sole: true };
  const begin = async () => {
    const ref = { sessionId: randomUUID(), storage: null };
    return { ref, writer: await blobs.open(ref, at) };
  };
  const trickling = await Promise.all([begin(), begin()]);
  for (const { writer } of trickling) await writer.write([bytes.subarray(0, 1000)]);
  assert.equal(budget.usedBytes, 2 * PART, 'they hold all there is');

  const quick = await begin();
  await quick.writer.write([bytes]);
  await quick.writer.close();
  assert.equal(quick.writer.progress().offset, bytes.length);

  for (const { ref, writer } of [...trickling, quick]) {
    if (writer !== quick.writer) {
      await writer.write([bytes.subarray(1000)]);
      await writer.close();
    }
    const stored = { ...ref, storage: writer.progress().storage };
    await blobs.finalize(stored, '');
    const chunks: Uint8Array[] = [];
    for await (const chunk of blobs.read(stored, {})) chunks.push(chunk);
    assert.ok(Buffer.concat(chunks).equals(bytes));
  }
  assert.equal(budget.usedBytes, 0);
});

test('bytes of a slow client are stored before it has sent a whole part', async () => {
  const { blobs } = createAcknowledgedStore({ ...bucket, smallestPartBytes: PART, keepAfterMs: 20 });
  const ref = { sessionId: randomUUID(), storage: null };
  const writer = await blobs.open(ref, { offset: 0, length: null, epoch: 1, sole: true });
  await writer.write([randomBytes(1000)]);
  await until('they are stored', () => writer.progress().offset === 1000);
  await writer.close();
  await blobs.discard({ ...ref, storage: writer.progress().storage }, null);
});

test('a writer that is to leave does not wait for memory, and keeps what it has', async () => {
  const { blobs, budget } = createAcknowledgedStore({
    ...{ ...bucket, memoryBudgetBytes: PART, smallestPartBytes: PART },
  });
  const taken = await budget.take(PART);
  const leaving = new AbortController();
  const ref = { sessionId: randomUUID(), storage: null };
  const at = { offset: 0, length: null, epoch: 1, sole: true, signal: leaving.signal };
  const writer = await blobs.open(ref, at);
  const written = writer.write([randomBytes(10)]);
  leaving.abort('taken_over');
  await written;
  await writer.close();
  assert.equal(writer.progress().offset, 0);
  taken.release(true);
  assert.equal(budget.usedBytes, 0);
});
