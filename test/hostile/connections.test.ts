import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { P, target } from './target.ts';

/**
 * Connections of one address are limited; those of a proxy that is trusted are not. Requests that wait on one
 * connection are limited for all.
 */

const strict = target(() => ({ MAX_CONNECTIONS_PER_ADDRESS: '3' }));
const behindProxy = target(() => ({ MAX_CONNECTIONS_PER_ADDRESS: '3', TRUST_PROXY: 'loopback' }));

/** Opens connections and asks on each; true where the service answered. */
async function ask(port: number, count: number): Promise<boolean[]> {
  const sockets: Socket[] = [];
  const answers: boolean[] = [];
  try {
    for (let n = 0; n < count; n += 1) {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      sockets.push(socket);
      socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
      const answered = new Promise<boolean>((resolve) => {
        socket.once('data', () => resolve(true)).once('close', () => resolve(false));
      });
      answers.push(await answered);
    }
    return answers;
  } finally {
    for (const socket of sockets) socket.destroy();
    await Promise.all(sockets.map((socket) => (socket.closed ? null : once(socket, 'close'))));
  }
}

const portOf = ({ service }: { service: { url: string } }) => Number(new URL(service.url).port);

test('one connection too many is closed at once; when others are gone there is room again', async () => {
  assert.deepEqual(await ask(portOf(strict), 5), [true, true, true, false, false]);
  const giveUpAt = performance.now() + 60_000;
  let again: boolean[] = [];
  do again = await ask(portOf(strict), 3);
  while (!again.every(Boolean) && performance.now() < giveUpAt);
  assert.deepEqual(again, [true, true, true]);
});

test('a trusted proxy may have as many as it likes', async () => {
  assert.ok((await ask(portOf(behindProxy), 10)).every(Boolean));
});

/** To an address that nobody knows. */
const UNKNOWN = '/v1/uploads/12345678-1234-4678-9012-123456789012';

for (const path of ['/livez', UNKNOWN]) {
  test(`a thousand requests for ${path} behind an answer that does not end: the connection is cut`, async () => {
    const socket = connect(portOf(behindProxy), '127.0.0.1').on('error', () => {});
    try {
      const endless = `GET ${P}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await behindProxy.sign()}\r\n\r\n`;
      const closed = new Promise((resolve) => socket.resume().once('close', () => resolve('cut')));
      socket.write(endless + `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(1000));
      assert.equal(await Promise.race([closed, pause(60_000, 'left open', { ref: false })]), 'cut');
    } finally {
      socket.destroy();
    }
  });
}

test('a hundred requests for uploads are answered one behind the other, and wait with one listener', async () => {
  const one = `GET ${UNKNOWN} HTTP/1.1\r\nHost: x\r\n\r\n`;
  const answer = await behindProxy.raw(
    `${one.repeat(99)}${one.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')}`,
  );
  assert.equal(answer.match(/HTTP\/1\.1 404/g)?.length, 100);
  assert.ok(!behindProxy.service.output.includes('MaxListeners'));
});
