import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { initiateBody, P, STORES, startApp, type TestApp } from '../helpers/app.ts';
import { startRedis } from '../helpers/redis.ts';

const VIDEO = new URL('../fixtures/sample.mp4', import.meta.url);

interface Heard {
  readonly event: string;
  readonly id: string | null;
  readonly data: Record<string, unknown>;
}

/** Listens as a page does. `next` resolves with the first event that fits and was not given before. */
async function listen(t: TestContext, app: TestApp, headers: Record<string, string> = {}) {
  const left = new AbortController();
  t.after(() => left.abort());
  const response = await app.fetch(`${P}/events`, { headers, signal: left.signal });
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
  const heard: Heard[] = [];
  let wake = () => {};
  void (async () => {
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString();
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      heard.push(...blocks.map(parse).filter((one) => one !== null));
      wake();
    }
  })().catch(() => {});

  async function next(fits: (one: Heard) => boolean): Promise<Heard> {
    const late = AbortSignal.timeout(60_000);
    for (;;) {
      const at = heard.findIndex(fits);
      const [found] = at === -1 ? [] : heard.splice(at, 1);
      if (found) return found;
      await new Promise<void>((resolve, reject) => {
        wake = resolve;
        late.addEventListener('abort', () => reject(new Error(`not heard: ${JSON.stringify(heard)}`)));
      });
    }
  }
  return { next, heard, leave: () => left.abort() };
}

function parse(block: string): Heard | null {
  const fields = new Map(
    block.split('\n').map((line) => [line.split(': ', 1)[0], line.slice(line.indexOf(': ') + 2)]),
  );
  const event = fields.get('event');
  if (event === undefined) return null;
  return { event, id: fields.get('id') ?? null, data: JSON.parse(fields.get('data') ?? '{}') };
}

async function upload(app: TestApp): Promise<string> {
  const { body } = await app.call(`${P}/initiate`, {
    json: initiateBody({ expected_file_size: undefined }),
  });
  const sent = await fetch(body.upload_url, { method: 'PUT', body: await readFile(VIDEO) });
  assert.equal(sent.status, 201);
  return body.session_id;
}

for (const store of STORES) {
  test(`${store}: a stream tells of an upload from its session to its completion, and of the quota`, async (t) => {
    const app = await startApp(t, { store });
    const stream = await listen(t, app);
    const first = await stream.next(({ event }) => event === 'quota');
    assert.equal(first.data.quota_used, 0);

    const id = await upload(app);
    const size = (await readFile(VIDEO)).length;
    const done = await stream.next(({ event }) => event === 'completed');
    const { session_id, upload_offset, status } = done.data;
    assert.deepEqual([session_id, upload_offset, status], [id, size, 'completed']);
    await stream.next(({ event, data }) => event === 'quota' && data.quota_used === size);
    assert.ok(stream.heard.some(({ event, data }) => event === 'progress' && data.session_id === id));
  });

  test(`${store}: failure says why, cancelling is told; another user hears nothing of it`, async (t) => {
    const app = await startApp(t, { store });
    const other = await startApp(t, { store });
    const [stream, foreign] = [await listen(t, app), await listen(t, other)];
    const { body } = await app.call(`${P}/initiate`, {
      json: initiateBody({ expected_file_size: undefined }),
    });
    assert.equal((await fetch(body.upload_url, { method: 'PUT', body: '<html>' })).status, 415);
    const failed = await stream.next(({ event }) => event === 'failed');
    assert.equal(failed.data.error_code, 'UNSUPPORTED_FORMAT');

    const second = await app.call(`${P}/initiate`, {
      json: initiateBody({ expected_file_size: undefined }),
    });
    await app.call(`${P}/sessions/${second.body.session_id}`, { method: 'DELETE' });
    await stream.next(
      ({ event, data }) => event === 'cancelled' && data.session_id === second.body.session_id,
    );
    assert.ok(foreign.heard.every(({ event }) => event === 'quota'));
  });

  test(`${store}: whoever was away hears what he missed, once and in order`, async (t) => {
    const app = await startApp(t, { store });
    const before = await listen(t, app);
    const first = await upload(app);
    const last = await before.next(({ event, data }) => event === 'completed' && data.session_id === first);
    before.leave();

    const missed = await upload(app);
    const after = await listen(t, app, { 'last-event-id': last.id ?? '' });
    const done = await after.next(({ event }) => event === 'completed');
    assert.equal(done.data.session_id, missed);
    assert.ok(after.heard.every(({ event, data }) => event === 'quota' || data.session_id === missed));
    const again = await listen(t, app, { 'last-event-id': 'nonsense' });
    await again.next(({ event }) => event === 'quota');
    assert.ok(
      again.heard.every(({ event }) => event === 'quota'),
      'an id that is none brings back nothing',
    );
  });
}

test('redis: a stream at one instance tells what happens at another', async (t) => {
  const shared = {
    store: 'redis',
    redisPrefix: `test_${randomUUID().slice(0, 8)}`,
    userId: randomUUID(),
  } as const;
  const here = await startApp(t, shared);
  const there = await startApp(t, { ...shared, dataDir: here.dataDir });
  const stream = await listen(t, here);
  const session = await there.call(`${P}/initiate`, { json: initiateBody() });
  const begun = await stream.next(({ data }) => data.session_id === session.body.session_id);
  assert.deepEqual([begun.event, begun.data.upload_offset, begun.data.status], ['progress', 0, 'active']);
  const id = await upload(there);
  await stream.next(({ event, data }) => event === 'completed' && data.session_id === id);
});

test('the eleventh stream of a user is refused, and one that was closed makes room', async (t) => {
  const app = await startApp(t);
  const streams = [];
  for (let n = 0; n < 10; n += 1) streams.push(await listen(t, app));
  const refused = await app.call(`${P}/events`);
  assert.deepEqual([refused.status, refused.body.error_code], [429, 'RATE_LIMITED']);
  assert.ok(Number(refused.headers.get('retry-after')) > 0);
  streams[0]?.leave();
  for (let status = 429; status === 429; ) {
    const left = new AbortController();
    status = (await app.fetch(`${P}/events`, { signal: left.signal })).status;
    left.abort();
  }
});

test('a stream that could not begin takes no room from others', async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  const app = await startApp(t, { env: { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(server.port) } });
  await (await listen(t, app)).next(({ event }) => event === 'quota');
  server.freeze();
  for (let n = 0; n < 3; n += 1) {
    const answers = await Promise.all(Array.from({ length: 9 }, () => app.call(`${P}/events`)));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([503]));
  }
});

test('without credentials there is no stream', async (t) => {
  const app = await startApp(t);
  assert.equal((await app.call(`${P}/events`, { token: null })).status, 401);
});

test('a stopping service ends its streams', async (t) => {
  const app = await startApp(t);
  const response = await app.fetch(`${P}/events`);
  const text = response.text();
  await app.close();
  assert.match(await text, /^retry: 1000\n\n/);
});
