import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { answerTo, createClient, openPatch } from './client.ts';
import { serviceFor, sharedRedis } from './service.ts';
import { filesOfSession } from './stored-files.ts';
import { until } from './until.ts';
import { videoOf } from './videos.ts';

const SIZE = 200_000;

test('on SQLite, expired sessions lose bytes and reservation by themselves, nothing else is touched', (t) =>
  sweepsByItself(t, {}));

test('on Redis, expired sessions lose bytes and reservation by themselves, nothing else is touched', (t) =>
  sweepsByItself(t, sharedRedis().env));

async function sweepsByItself(t: TestContext, env: Record<string, string>): Promise<void> {
  // Long enough for what comes before the sweep, on a machine that stands still for a while.
  const service = await serviceFor(t, { env: { ...env, UPLOAD_SESSION_TTL: '8' } });
  const client = createClient(service, randomUUID());
  const file = videoOf(SIZE, 3);
  const strangers = await placeStrangers(service.dataDir);

  const finished = await client.session(SIZE);
  assert.equal(await sendHalves(finished.url, file, 2), 204);
  const left = await Promise.all([client.session(SIZE), client.session(SIZE)]);
  for (const session of left) assert.equal(await sendHalves(session.url, file, 1), 204);
  assert.equal(left.flatMap(({ id }) => filesOfSession(service.dataDir, id)).length, 2);

  await until('the partial files are gone', () =>
    left.every(({ id }) => filesOfSession(service.dataDir, id).length === 0),
  );
  await until('the reservations are given back', async () => (await client.quota()).quota_reserved === 0);
  for (const { id } of left) assert.equal((await client.status(id)).body.status, 'expired');

  assert.equal((await client.quota()).quota_used, SIZE);
  assert.equal((await client.status(finished.id)).body.status, 'completed');
  assert.equal(filesOfSession(service.dataDir, finished.id).length, 1);
  assert.deepEqual(
    strangers.filter((stranger) => !existsSync(stranger)),
    [],
  );
}

/** Send the first half of the file, or both. */
async function sendHalves(url: URL, file: Buffer, halves: 1 | 2): Promise<number> {
  let status = 0;
  for (let half = 0; half < halves; half += 1) {
    const part = file.subarray((half * SIZE) / 2, ((half + 1) * SIZE) / 2);
    const request = openPatch(url, (half * SIZE) / 2, part.length);
    request.end(part);
    status = (await answerTo(request)).statusCode ?? 0;
  }
  return status;
}

/** Files that the service did not make, with names that look as if it had. */
async function placeStrangers(dataDir: string): Promise<string[]> {
  const names = ['notes.txt', `${randomUUID()}`, `${randomUUID()}.mp4`, `${randomUUID()}.part`];
  const files = ['uploads', 'temp_uploads'].flatMap((folder) => {
    return names.map((name) => join(dataDir, folder, name));
  });
  for (const file of files) {
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, 'not of the service');
  }
  return files;
}
