import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createAcknowledgedStore, createTestBucket, type TestBucket } from '../helpers/s3.ts';

const PART = 5 << 20;

let bucket: TestBucket;
before(async () => {
  bucket = await createTestBucket();
});
after(() => bucket.remove());

/** A writer that stored something, told nobody, and died. */
async function leaveBehind(store: ReturnType<typeof createAcknowledgedStore>): Promise<string> {
  const sessionId = randomUUID();
  const at = { offset: 0, length: null, epoch: 1, sole: true };
  const writer = await store.blobs.open({ sessionId, storage: null }, at);
  await writer.write([randomBytes(PART + 10)]);
  await writer.close();
  return sessionId;
}

test('only what the service made itself, long ago, for sessions that are not live, is removed', async () => {
  const store = createAcknowledgedStore({ ...bucket, smallestPartBytes: PART });
  const [dead, live] = [await leaveBehind(store), await leaveBehind(store)];
  const foreign = [
    'uploads/notes.txt',
    'uploads/2026/11/not-a-session',
    'other/2026/11/x',
    `partial/${dead}/notes`,
  ];
  for (const key of foreign) {
    await bucket.multipart.create(key, 'somebody');
    await bucket.objects.put(key, randomBytes(3));
  }
  const finished = `uploads/2026/11/${randomUUID()}`;
  await bucket.objects.put(finished, randomBytes(3));

  const asked: string[] = [];
  const isLive = async (sessionId: string) => {
    asked.push(sessionId);
    return sessionId === live;
  };
  const young = await store.sweepAbandoned({ olderThanMs: 3_600_000, isLive });
  assert.deepEqual(young, { removed: 0, unfinished: 4 });
  assert.deepEqual(asked, [], 'what is young is nobody asked about');

  const swept = await store.sweepAbandoned({ olderThanMs: -10_000, isLive });
  assert.deepEqual(swept, { removed: 2, unfinished: 4 });
  const { objects, uploads } = await bucket.contents();
  const left = [...objects, ...uploads];
  assert.deepEqual(
    left.filter((key) => key.includes(dead)),
    [`partial/${dead}/notes`, `partial/${dead}/notes`],
  );
  assert.equal(left.filter((key) => key.includes(live)).length, 2);
  for (const key of foreign) assert.equal(left.filter((name) => name === key).length, 2, key);
  assert.ok(objects.includes(finished));
  assert.deepEqual(await store.sweepAbandoned({ olderThanMs: -10_000, isLive }), {
    removed: 0,
    unfinished: 2,
  });
});

test('a sweep stops where the session store is away, and when it is told to', async () => {
  const store = createAcknowledgedStore({ ...bucket, smallestPartBytes: PART });
  const sessionId = await leaveBehind(store);
  const away = new Error('away');
  const sweep = store.sweepAbandoned({ olderThanMs: -10_000, isLive: () => Promise.reject(away) });
  await assert.rejects(sweep, away);
  const stopped = await store.sweepAbandoned({
    ...{ olderThanMs: -10_000, isLive: async () => false },
    signal: AbortSignal.abort(),
  });
  assert.equal(stopped.removed, 0);
  const { objects, uploads } = await bucket.contents();
  assert.equal([...objects, ...uploads].filter((key) => key.includes(sessionId)).length, 2);
});
