import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { startDeadline } from '../../src/stores/postgres/deadline.ts';

const DEADLINE_MS = 100;

function keepBusy(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/** Both ends of a connection. */
async function connection(t: TestContext) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [far] = await once(server, 'connection');
  t.after(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return { near, far };
}

test('an answer that lies in the socket when the process was too busy to look is not late', async (t) => {
  const { near, far } = await connection(t);
  const deadline = startDeadline(DEADLINE_MS, () => new Error('late'));
  const answer = deadline.race(once(near, 'data'));
  far.write('the answer');
  keepBusy(2 * DEADLINE_MS);
  assert.equal(String((await answer)[0]), 'the answer');
  deadline.clear();
});

test('where no answer comes the deadline ends the wait, and what it is cleared of it does not end', async (t) => {
  const { near } = await connection(t);
  const deadline = startDeadline(DEADLINE_MS, () => new Error('late'));
  await assert.rejects(deadline.race(once(near, 'data')), /late/);
  assert.ok(deadline.signal.aborted);

  const cleared = startDeadline(5, () => new Error('late'));
  // Timers of one length run in their order: its own has run by then, and its verdict is yet to come.
  await new Promise<void>((resolve) => {
    setTimeout(() => {
      cleared.clear();
      resolve();
    }, 5);
  });
  for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
  assert.equal(cleared.signal.aborted, false);
});
