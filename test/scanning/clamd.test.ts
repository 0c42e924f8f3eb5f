import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { type RunningClamd, startClamd } from '../../scripts/lib/servers/clamd.ts';
import { createClamdScanner } from '../../src/scanning/clamd.ts';
import { initiateBody, P, startApp, type TestApp } from '../helpers/app.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';

const MARKER = 'these bytes stand for malware in the tests of this project';
const MEBIBYTE = 1 << 20;
const sample = readFileSync(new URL('../fixtures/sample.mp4', import.meta.url));

let clamd: RunningClamd;
before(async () => {
  clamd = await startClamd({ marker: MARKER, maxBytes: 4 * MEBIBYTE });
});
after(() => clamd.stop());

/** The sample, with a `free` box (ISO/IEC 14496-12, 8.1.2) behind it that holds these bytes. */
function videoWith(filling: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(filling.length + 8);
  header.write('free', 4);
  return Buffer.concat([sample, header, filling]);
}
const infected = videoWith(Buffer.from(MARKER));

const appWith = (t: Parameters<typeof startApp>[0], env: Record<string, string> = {}) =>
  startApp(t, { env: { CLAMD_HOST: '127.0.0.1', CLAMD_PORT: String(clamd.port), ...env } });

async function upload(app: TestApp, file: Buffer) {
  const session = await app.call(`${P}/initiate`, {
    json: initiateBody({ expected_file_size: file.length }),
  });
  const url = new URL(session.body.upload_url);
  const put = () => app.call(`${url.pathname}${url.search}`, { method: 'PUT', body: new Uint8Array(file) });
  return { id: session.body.session_id as string, put, answer: await put() };
}

test('a clean file completes', async (t) => {
  const app = await appWith(t);
  const { answer } = await upload(app, videoWith(Buffer.alloc(2 * MEBIBYTE, 'clean ')));
  assert.deepEqual([answer.status, answer.body.status], [201, 'completed']);
});

test('an infected file fails with INFECTED, leaves no bytes, and counts for nothing', async (t) => {
  const app = await appWith(t);
  const { id, put, answer } = await upload(app, infected);
  assert.deepEqual([answer.status, answer.body.error_code], [422, 'INFECTED']);
  assert.doesNotMatch(JSON.stringify(answer.body), /Sluice\.Test/, 'what was found is for the log');
  const status = (await app.call(`${P}/sessions/${id}`)).body;
  assert.deepEqual([status.status, status.failure.error_code], ['failed', 'INFECTED']);
  assert.deepEqual(await app.files(), []);
  const quota = (await app.call(`${P}/quota`)).body;
  assert.deepEqual([quota.quota_used, quota.quota_reserved], [0, 0]);
  assert.deepEqual((await put()).body.error_code, 'INFECTED', 'it stays so');
});

test('while clamd is away files are 503 and kept, and complete when it is back', async (t) => {
  const app = await appWith(t, { CLAMD_PORT: String(clamd.port) });
  await clamd.kill();
  const elapsedMs = startStopwatch();
  const { id, put, answer } = await upload(app, videoWith(Buffer.from('clean')));
  assert.deepEqual([answer.status, answer.body.error_code], [503, 'STORAGE_UNAVAILABLE']);
  assert.ok(Number(answer.headers.get('retry-after')) >= 1);
  assert.ok(elapsedMs() < 2000);
  const status = (await app.call(`${P}/sessions/${id}`)).body;
  assert.equal(status.status, 'active');
  const quota = (await app.call(`${P}/quota`)).body;
  assert.equal(quota.quota_used, 0);

  const port = clamd.port;
  await clamd.stop();
  clamd = await startClamd({ marker: MARKER, maxBytes: 4 * MEBIBYTE, port });
  const again = await put();
  assert.deepEqual([again.status, again.body.status], [201, 'completed']);
  assert.ok((await app.call(`${P}/quota`)).body.quota_used > 0);
});

test('a file larger than clamd takes is not taken unscanned, unless that is configured', async (t) => {
  const large = videoWith(Buffer.alloc(6 * MEBIBYTE));
  const closed = await upload(await appWith(t), large);
  assert.deepEqual([closed.answer.status, closed.answer.body.error_code], [503, 'STORAGE_UNAVAILABLE']);
  const open = await upload(await appWith(t, { CLAMD_FAIL_OPEN: 'true' }), large);
  assert.equal(open.answer.status, 201);
});

test('a scanner that hangs is given up, and one that talks nonsense is not believed', async (t) => {
  for (const answer of ['', 'stream: FOUND\0', 'OK\0', 'stream: OK FOUND?\0', `${'x'.repeat(10_000)}`]) {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      if (answer !== '') socket.end(answer);
    }).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const scanner = createClamdScanner({ host: '127.0.0.1', port, timeoutMs: 200 });
    const bytes = async function* () {
      for (let n = 0; n < 64; n += 1) yield Buffer.alloc(MEBIBYTE);
    };
    await assert.rejects(scanner.scan('x', bytes()), { code: 'STORAGE_UNAVAILABLE' }, answer.slice(0, 20));
  }
});
