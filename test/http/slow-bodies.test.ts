import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import Fastify from 'fastify';
import { cutSlowBodies } from '../../src/http/slow-bodies.ts';
import { fakeMp4 } from '../engine/service.ts';
import { initiateBody, signToken, startApp } from '../helpers/app.ts';
import { head, rawClient } from '../protocols/raw-http.ts';

const DEADLINE_MS = 1200;

test('a JSON body that comes too slowly is 408 and ends; one in time, and any upload, goes on', async (t) => {
  const app = Fastify();
  t.after(() => app.close());
  cutSlowBodies(app, DEADLINE_MS);
  app.post('/json', async () => 'read');
  app.put('/v1/uploads/one', { config: { takesBytes: true } }, async () => 'read');
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

test('JSON below the upload resource has the same deadline, and the bytes beside it have none', async (t) => {
  const app = await startApp(t, { env: { BODY_TIMEOUT: '1' } });
  const file = fakeMp4(5000);
  const json = initiateBody({ expected_file_size: file.length });
  const { body: session } = await app.call('/v1/dashboard/upload/initiate', { json });
  const { pathname, search, port } = new URL(session.upload_url, app.url);

  async function begin(
    method: string,
    path: string,
    headers: Record<string, string | number>,
    bytes: Buffer,
  ) {
    const client = rawClient(Number(port));
    t.after(() => client.socket.destroy());
    await client.send(head(method, path, headers));
    await client.send(bytes);
    return client;
  }

  const { length } = file;
  const creation = {
    authorization: `Bearer ${await signToken({ user_id: app.userId })}`,
    'upload-complete': '?1',
    'content-length': length,
  };
  const uploads = [
    await begin('PUT', pathname + search, { 'content-length': length }, file.subarray(0, 4999)),
    await begin('POST', '/v1/uploads', creation, file.subarray(0, 4999)),
  ];
  for (const path of [
    `${pathname}/parts${search}`,
    `${pathname}/complete${search}`,
    '/v1/uploads/s3/multipart',
  ]) {
    const headers = { 'content-type': 'application/json', 'content-length': 100 };
    const slow = await begin('POST', path, headers, Buffer.from('{'));
    assert.equal((await slow.answer()).status, 408, path);
  }
  for (const upload of uploads) {
    await upload.send(file.subarray(4999));
    assert.equal((await upload.answer()).status, 201);
  }
});
