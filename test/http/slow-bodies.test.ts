import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import Fastify from 'fastify';
import { cutSlowBodies } from '../../src/http/slow-bodies.ts';

const DEADLINE_MS = 1200;

test('a JSON body that comes too slowly is 408 and ends; one in time, and any upload, goes on', async (t) => {
  const app = Fastify();
  t.after(() => app.close());
  cutSlowBodies(app, DEADLINE_MS);
  app.post('/json', async () => 'read');
  app.put('/v1/uploads/one', async () => 'read');
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;

  /** Sends all but the last byte of a body, and that one after `pauseMs`. */
  async function send(request: string, pauseMs: number): Promise<string> {
    const socket = connect({ host: '127.0.0.1', port });
    const head = `${request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json`;
    socket.write(`${head}\r\nContent-Length: 2\r\n\r\n{`);
    const last = setTimeout(() => socket.write('}'), pauseMs);
    try {
      return await text(socket);
    } finally {
      clearTimeout(last);
    }
  }

  const [slow, inTime, upload] = await Promise.all([
    send('POST /json', DEADLINE_MS * 20),
    send('POST /json', 0),
    send('PUT /v1/uploads/one', DEADLINE_MS * 2),
  ]);
  assert.match(slow, /^HTTP\/1.1 408 /);
  assert.match(slow, /application\/problem\+json/);
  assert.match(inTime, /^HTTP\/1.1 200 /);
  assert.match(upload, /^HTTP\/1.1 200 /);
});
