import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createBackground } from '../../src/core/give-way.ts';

/** Work of so many milliseconds that does nothing but keep the process busy, in pieces. */
async function work(ms: number): Promise<void> {
  const until = performance.now() + ms;
  while (performance.now() < until) {
    const turn = performance.now() + 2;
    while (performance.now() < turn);
    await new Promise(setImmediate);
  }
}

test('background work of one kind is no reason for another to rest', async () => {
  const background = createBackground();
  await background.run(() => work(30));
  await background.rest();
  assert.equal(background.isBusy(), false, 'nothing else went on');
  let going = true;
  const other = (async () => {
    while (going) {
      await background.run(() => work(10));
      await background.rest();
    }
  })();
  for (let n = 0; n < 3; n += 1) {
    await background.run(() => work(30));
    await background.rest();
    assert.equal(background.isBusy(), false, 'nor does now');
  }
  going = false;
  await other;
});

test('while one rests, no other begins, and those that are at work are waited for', async () => {
  const background = createBackground();
  const gate = Promise.withResolvers<void>();
  const order: string[] = [];
  const slow = background.run(async () => {
    await gate.promise;
    order.push('slow ended');
  });
  const rested = background.rest().then(() => order.push('rested'));
  const next = background.run(async () => order.push('next began'));
  await delay(20);
  assert.deepEqual(order, []);
  gate.resolve();
  await Promise.all([slow, rested, next]);
  assert.deepEqual(order, ['slow ended', 'rested', 'next began']);
});

test('work that fails does not keep the others from going on', async () => {
  const background = createBackground();
  await assert.rejects(
    background.run(async () => {
      throw new Error('away');
    }),
    /away/,
  );
  await background.rest();
  assert.equal(await background.run(async () => 1), 1);
});

test('requests that keep the process busy are seen, beside work that rests as well', async () => {
  const background = createBackground();
  await background.run(() => work(30));
  await background.rest();
  let asking = true;
  const requests = (async () => {
    while (asking) await work(5);
  })();
  for (let n = 0; n < 3; n += 1) {
    await background.run(() => work(30));
    await background.rest();
  }
  assert.equal(background.isBusy(), true);
  asking = false;
  await requests;
});
