import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createMemoryRelay } from '../../src/events/live/memory-relay.ts';

const MINUTE_MS = 60_000;

/** A relay, and the hand on its clock. */
function startRelay() {
  let now = Date.parse('2026-01-01T00:00:00Z');
  const relay = createMemoryRelay({ now: () => now });
  const heardAfter = async (userId: string, id: string) => {
    const heard: string[] = [];
    (await relay.subscribe(userId, id, (_id, message) => heard.push(message)))();
    return heard;
  };
  return {
    relay,
    heardAfter,
    advance(ms: number) {
      now += ms;
    },
  };
}

/** Bytes that are in use once all else has been collected. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

test('what quiet users were told is kept for a minute and not for longer', async () => {
  const { relay, heardAfter, advance } = startRelay();
  const before = heapUsed();
  for (let user = 0; user < 2000; user += 1) {
    // Characters of their own, as messages have them.
    for (let n = 0; n < 20; n += 1)
      relay.publish(`user ${user}`, Buffer.alloc(2000, `${user} ${n};`).toString());
  }
  advance(MINUTE_MS - 1);
  relay.publish('somebody', 'else');
  assert.equal((await heardAfter('user 0', '0-0')).length, 20);
  assert.ok(heapUsed() - before > 60e6, 'all of it is there');
  advance(1);
  relay.publish('somebody', 'else');
  const left = heapUsed() - before;
  assert.ok(left < 20e6, `${left} bytes are left`);
});

test('whoever listens hears what comes after a quiet day, whatever was forgotten meanwhile', async () => {
  const { relay, heardAfter, advance } = startRelay();
  const heard: string[] = [];
  const stop = await relay.subscribe('listener', null, (_id, message) => heard.push(message));
  relay.publish('listener', 'one');
  advance(24 * 60 * MINUTE_MS);
  relay.publish('somebody', 'else');
  assert.deepEqual(await heardAfter('listener', '0-0'), []);
  relay.publish('listener', 'two');
  stop();
  relay.publish('listener', 'three');
  assert.deepEqual(heard, ['one', 'two']);
  assert.deepEqual(await heardAfter('listener', '0-0'), ['two', 'three']);
});
