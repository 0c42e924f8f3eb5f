/** The stream itself: what its reader makes of a server that behaves as the contract says, and worse. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createClient, type SluiceEvent } from '../src/node.ts';
import { hasCode } from './helpers/has-code.ts';
import { seededRandom } from './helpers/random.ts';
import { QUICK_RETRY, startedService } from './helpers/service.ts';
import { videoFile } from './helpers/videos.ts';

const service = startedService();

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that answers the first connection with the first answer, and so on; the last one again and again. */
async function streams(t: TestContext, ...answers: Answer[]) {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answers[Math.min(requests.length, answers.length) - 1]?.(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { client: createClient({ baseUrl, token: 'a token', retry: QUICK_RETRY }), requests };
}

const progress = (id: number) =>
  `id: ${id}\nevent: progress\ndata: {"session_id":"s","upload_offset":${id},"upload_length":9,"status":"active"}\n\n`;

function open(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`retry: 10\n\n${text}`);
}

test('events come typed, over a signed request, and heartbeats are nothing', async (t) => {
  const { client, requests } = await streams(t, (_, response) =>
    open(
      response,
      `: beat\n\n${progress(1)}id: 2\nevent: quota\ndata: {"quota_used":5}\n\nevent: new\ndata: 1\n\n`,
    ),
  );
  const seen: SluiceEvent[] = [];
  for await (const event of client.events()) {
    seen.push(event);
    if (seen.length === 2) break;
  }
  assert.deepEqual(seen, [
    { type: 'progress', id: '1', session_id: 's', upload_offset: 1, upload_length: 9, status: 'active' },
    { type: 'quota', id: '2', quota: { quota_used: 5 } },
  ]);
  assert.equal(requests[0]?.url, '/v1/dashboard/upload/events');
  assert.equal(requests[0]?.headers.authorization, 'Bearer a token');
});

test('a stream that ends or breaks is opened again after the last event', async (t) => {
  const { client, requests } = await streams(
    t,
    (_, response) => {
      open(response, progress(1));
      setImmediate(() => response.destroy());
    },
    (_, response) => {
      open(response, progress(2));
      response.end();
    },
    (_, response) => {
      response.writeHead(503, { 'retry-after': '0' }).end('{"error_code":"REDIS_CONNECTION_ERROR"}');
    },
    (_, response) => open(response, progress(3)),
  );
  const ids: string[] = [];
  for await (const event of client.events()) {
    ids.push(event.id);
    if (event.id === '3') break;
  }
  assert.deepEqual(ids, ['1', '2', '3']);
  assert.deepEqual(
    requests.map((request) => request.headers['last-event-id']),
    [undefined, '1', '2', '2'],
  );
});

test('the service tells of an upload while another client makes it', async () => {
  const user = randomUUID();
  const stopped = new AbortController();
  const seen: SluiceEvent[] = [];
  let uploaded: Promise<unknown> | null = null;
  for await (const event of service.client({ user }).events({ signal: stopped.signal })) {
    // The first event says that the stream is open.
    const file = () => videoFile('live.mp4', 3_000_000, seededRandom(8));
    uploaded ??= service.client({ user }).upload(file()).done;
    seen.push(event);
    // A quota that was asked for earlier may tell of the end before the end itself is told; it comes again then.
    const isOver = seen.some(({ type }) => type === 'completed');
    if (isOver && event.type === 'quota' && event.quota.quota_used === 3_000_000) stopped.abort();
  }
  await uploaded;
  const completed = seen.find((event) => event.type === 'completed');
  assert.equal(completed?.type === 'completed' && completed.upload_offset, 3_000_000);
  assert.equal(seen[0]?.type, 'quota');
});

test('a refusal that will not pass is thrown', async (t) => {
  const { client } = await streams(t, (_, response) => {
    response.writeHead(401).end('{"error_code":"UNAUTHENTICATED","error_message":"Sign in."}');
  });
  await assert.rejects(client.events().next(), hasCode('UNAUTHENTICATED'));
});

test('leaving the loop, or aborting it, closes the connection', async (t) => {
  const { client, requests } = await streams(t, (_, response) => open(response, progress(1)));
  for await (const _ of client.events()) break;
  const [first] = requests;
  assert.ok(first);
  if (!first.socket.destroyed) await once(first.socket, 'close');

  const stopped = new AbortController();
  for await (const _ of client.events({ signal: stopped.signal })) stopped.abort();
  assert.equal(requests.length, 2);
});
