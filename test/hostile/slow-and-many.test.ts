import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setInterval } from 'node:timers';
import { startStopwatch } from '../helpers/stopwatch.ts';
import { P, target } from './target.ts';

/** Those who take their time, and those who come in thousands. */

const IDLE = 5000;
const victim = target(() => ({
  HEADERS_TIMEOUT: '2',
  BODY_TIMEOUT: '2',
  UPLOAD_IDLE_TIMEOUT: '2',
  UPLOAD_MIN_RATE: '1024',
}));

function open(): Socket {
  const socket = connect(Number(new URL(victim.service.url).port), '127.0.0.1');
  socket.on('error', () => {});
  return socket;
}

/** Sends `head` at once and then `drip` every `everyMs`, until the service closes. Gives all it said, and when it ended. */
async function drip(head: string, drop: string, everyMs: number): Promise<{ said: string; ms: number }> {
  const socket = open();
  await once(socket, 'connect');
  const elapsedMs = startStopwatch();
  socket.write(head);
  const timer = setInterval(() => socket.write(drop), everyMs);
  try {
    return { said: await text(socket).catch(() => ''), ms: elapsedMs() };
  } finally {
    clearInterval(timer);
    socket.destroy();
  }
}

test('headers that never end are 408 within their time, however steadily they come', async () => {
  const results = await Promise.all([
    drip('GET /livez HTTP/1.1\r\nHost: x\r\n', 'X-A: b\r\n', 100),
    drip('G', 'E', 200),
    drip(`PUT /v1/uploads/x HTTP/1.1\r\n`, 'X: y\r\n', 100),
  ]);
  for (const { said, ms } of results) {
    assert.match(said, /^HTTP\/1\.1 4(08|00) /, said);
    assert.ok(ms < 6000, `${ms} ms`);
  }
  assert.match(results[0]?.said ?? '', /^HTTP\/1\.1 408 .*application\/problem\+json/s);
});

test('a JSON body that never ends is 408', async () => {
  const head = `POST ${P}/initiate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await victim.sign()}\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{`;
  const { said, ms } = await drip(head, ' ', 50);
  assert.match(said, /^HTTP\/1\.1 408 /);
  assert.ok(ms < 6000, `${ms} ms`);
});

test('an upload at a byte a while, and one that stalls, are cut, keep their bytes and can be resumed', async () => {
  const sample = readFileSync(new URL('../fixtures/sample.mp4', import.meta.url));
  for (const everyMs of [100, 60_000]) {
    const { path, token } = await victim.session({ expected_file_size: sample.length });
    const begin = sample.subarray(0, 8000).toString('latin1');
    const socket = open();
    const head = `PATCH ${path}?token=${token} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: ${sample.length}\r\n\r\n`;
    socket.write(head);
    socket.write(begin, 'latin1');
    let sent = 8000;
    const timer = setInterval(() => {
      socket.write(sample.subarray(sent, sent + 1));
      sent += 1;
    }, everyMs);
    const elapsedMs = startStopwatch();
    socket.resume();
    await once(socket, 'close');
    clearInterval(timer);
    assert.ok(elapsedMs() < 9000, 'it is cut');

    const address = `${path}?token=${token}`;
    const status = await victim.call(address, {
      method: 'HEAD',
      token: null,
      headers: { 'tus-resumable': '1.0.0' },
    });
    const offset = Number(status.headers.get('upload-offset'));
    assert.ok(offset >= 8000 && offset <= sent, `${offset} of ${sent} bytes are kept`);
    const rest = await victim.call(address, {
      method: 'PATCH',
      token: null,
      headers: {
        'tus-resumable': '1.0.0',
        'upload-offset': String(offset),
        'content-type': 'application/offset+octet-stream',
      },
      body: new Uint8Array(sample.subarray(offset)),
    });
    assert.equal(rest.status, 204, rest.text);
  }
});

test('of sixty event streams that a user asks for at once he gets ten', async () => {
  const token = await victim.sign({ user_id: randomUUID() });
  const left = new AbortController();
  const answers = await Promise.all(
    Array.from({ length: 60 }, () =>
      fetch(new URL(`${P}/events`, victim.service.url), {
        headers: { authorization: `Bearer ${token}` },
        signal: left.signal,
      }),
    ),
  );
  left.abort();
  const counted = Object.groupBy(answers, ({ status }) => status);
  assert.deepEqual([counted[200]?.length, counted[429]?.length], [10, 50]);
});

test(`${IDLE} connections that say nothing: others are served, and the silent ones are closed`, async () => {
  const sockets: Socket[] = [];
  let closed = 0;
  try {
    while (sockets.length < IDLE) {
      const batch = Array.from({ length: 250 }, open);
      sockets.push(...batch);
      for (const socket of batch) socket.resume().once('close', () => (closed += 1));
      await Promise.all(batch.map((socket) => once(socket, 'connect')));
    }
    assert.equal(sockets.length, IDLE);
    const elapsedMs = startStopwatch();
    const session = await victim.session();
    assert.equal((await victim.call(`${session.path}?token=${session.token}`, { token: null })).status, 200);
    assert.ok(elapsedMs() < 5000, `${elapsedMs()} ms`);
    const giveUpAt = performance.now() + 60_000;
    while (closed < IDLE && performance.now() < giveUpAt)
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(closed, IDLE, 'all of them are closed in their time');
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});
