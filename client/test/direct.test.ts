/**
 * Direct transfers, against a server that keeps parts as the contract says: signed addresses per part, what has
 * arrived, and a completion that can be repeated.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createHttp } from '../src/api/http.ts';
import { nodePlatform } from '../src/platform/node.ts';
import { createDirectTransfer } from '../src/upload/direct-transfer.ts';
import { hasCode } from './helpers/has-code.ts';
import { seededRandom } from './helpers/random.ts';
import { videoBytes } from './helpers/videos.ts';

const PART_SIZE = 100_000;

interface Parts {
  readonly baseUrl: string;
  readonly stored: Map<number, Buffer>;
  readonly puts: number[];
  completed: unknown;
  /** Asked before each part: true refuses it, as an object store does with a signature that has run out. */
  refuse: (number: number) => boolean;
  mostAtOnce: number;
  /** The session takes no parts. */
  noParts: boolean;
  wentThrough: () => void;
  /** Waited for before a part is kept; `atOnce` are under way then. */
  beforePut: (atOnce: number) => Promise<void>;
}

async function partsServer(t: TestContext): Promise<Parts> {
  const server = createServer((request, response) => void serve(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const parts: Parts = {
    baseUrl,
    stored: new Map(),
    puts: [],
    completed: null,
    refuse: () => false,
    mostAtOnce: 0,
    noParts: false,
    wentThrough: () => assert.fail('not as parts'),
    beforePut: async () => {},
  };
  let atOnce = 0;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', baseUrl);
    if (request.method === 'PUT') {
      parts.mostAtOnce = Math.max(parts.mostAtOnce, ++atOnce);
      const body = await bodyOf(request);
      await parts.beforePut(atOnce);
      atOnce -= 1;
      const number = Number(url.pathname.slice('/bucket/'.length));
      parts.puts.push(number);
      if (parts.refuse(number))
        return void response.writeHead(403).end('<Error><Code>Expired</Code></Error>');
      parts.stored.set(number, body);
      return void response.writeHead(200, { etag: `"${number}"` }).end();
    }
    assert.equal(url.searchParams.get('token'), 'secret');
    assert.equal(request.headers.authorization, undefined);
    const body = await bodyOf(request);
    if (url.pathname.endsWith('/complete')) {
      parts.completed = JSON.parse(String(body));
      return void response.end('{"status":"completed"}');
    }
    if (request.method === 'POST') {
      const { part_numbers: numbers } = JSON.parse(String(body)) as { part_numbers: number[] };
      const signed = numbers.map((number) => ({ part_number: number, url: `${baseUrl}/bucket/${number}` }));
      return void response.end(JSON.stringify({ parts: signed }));
    }
    if (parts.noParts) return void response.writeHead(409).end('{"error_code":"CONFLICT"}');
    const arrived = [...parts.stored].map(([number, bytes]) => ({
      part_number: number,
      etag: `"${number}"`,
      size: bytes.length,
    }));
    response.end(JSON.stringify({ part_size: PART_SIZE, parts: arrived }));
  }
  return parts;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function transfer(parts: Parts, bytes: Uint8Array<ArrayBuffer>, signal = new AbortController().signal) {
  const http = createHttp({ baseUrl: parts.baseUrl, token: 'of the user' }, nodePlatform);
  const progress: number[] = [];
  const done = createDirectTransfer(http, nodePlatform.httpStack, async () => parts.wentThrough())({
    uploadUrl: `${parts.baseUrl}/v1/uploads/1?token=secret`,
    file: new Blob([bytes]),
    stallTimeoutMs: 5000,
    onProgress: (sent) => progress.push(sent),
    signal,
  });
  return { done, progress };
}

function assembled(parts: Parts): Buffer {
  const numbers = [...parts.stored.keys()].sort((a, b) => a - b);
  return Buffer.concat(numbers.map((number) => parts.stored.get(number) ?? Buffer.alloc(0)));
}

test('parts go in parallel, each with its exact bytes, and are completed in order', async (t) => {
  const parts = await partsServer(t);
  const bytes = videoBytes(1_234_567, seededRandom(1));
  const full = Promise.withResolvers<void>();
  parts.beforePut = (atOnce) => {
    if (atOnce === 4) full.resolve();
    return full.promise;
  };
  const { done, progress } = transfer(parts, bytes);
  await done;
  assert.deepEqual(assembled(parts), Buffer.from(bytes));
  const expected = Array.from({ length: 13 }, (_, i) => ({ part_number: i + 1, etag: `"${i + 1}"` }));
  assert.deepEqual(parts.completed, { parts: expected });
  assert.equal(progress.at(-1), bytes.length);
  assert.equal(parts.mostAtOnce, 4);
});

test('a repetition sends only the parts that have not arrived', async (t) => {
  const parts = await partsServer(t);
  const bytes = videoBytes(950_000, seededRandom(2));
  parts.refuse = (number) => number === 7;
  await assert.rejects(transfer(parts, bytes).done, hasCode('NETWORK_ERROR'));
  assert.equal(parts.completed, null);

  const arrived = new Set(parts.stored.keys());
  parts.refuse = () => false;
  parts.puts.length = 0;
  await transfer(parts, bytes).done;
  assert.deepEqual(
    parts.puts.filter((number) => arrived.has(number)),
    [],
  );
  assert.deepEqual(assembled(parts), Buffer.from(bytes));
});

test('aborting ends all parts', async (t) => {
  const parts = await partsServer(t);
  const stopped = new AbortController();
  parts.refuse = () => {
    stopped.abort(new Error('enough'));
    return false;
  };
  await assert.rejects(transfer(parts, videoBytes(950_000, seededRandom(3)), stopped.signal).done, /enough/);
  assert.equal(parts.completed, null);
});

test('a session that was begun without parts is finished without them', async (t) => {
  const parts = await partsServer(t);
  parts.noParts = true;
  const { promise, resolve } = Promise.withResolvers<void>();
  parts.wentThrough = resolve;
  await transfer(parts, videoBytes(1000, seededRandom(4))).done;
  await promise;
  assert.deepEqual(parts.puts, []);
});
