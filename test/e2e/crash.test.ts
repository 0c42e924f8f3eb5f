import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { answerTo, createClient, offsetOf, openPatch, patchRest, writeOut } from './client.ts';
import { type ServiceProcess, serviceFor } from './service.ts';
import { filesOfSession, sha256OfFile } from './stored-files.ts';
import { createRandom, sha256, videoOf } from './videos.ts';

const MOMENTS = 50;
/** Large enough that an offset is acknowledged on the way, not only at the end. */
const SIZE = 20 * 1024 * 1024;
const SLICE = 256 * 1024;

test('kill -9 at 50 random moments: each file is right after a resume, and counted once', {
  timeout: 900_000,
}, async (t) => {
  const seed = Number(process.env.SLUICE_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const random = createRandom(seed);
  t.diagnostic(`SLUICE_TEST_SEED=${seed}`);
  const user = randomUUID();
  const service = await serviceFor(t);
  const client = createClient(service, user);
  let resumedInside = 0;

  for (let moment = 0; moment < MOMENTS; moment += 1) {
    const name = `seed ${seed}, moment ${moment}`;
    const file = videoOf(SIZE, seed + moment);
    const session = await client.session(SIZE);

    // Most die while bytes come in, the others around the completion.
    const killAfter = random() < 0.7 ? Math.floor(random() * SIZE) : SIZE;
    await sendAndKill(service, session.url, file.subarray(0, killAfter), random() * 60);
    await service.restart();

    const offset = await offsetOf(session.url);
    assert(offset <= killAfter, `${name}: offset ${offset} of ${killAfter} bytes sent`);
    if (offset > 0 && offset < SIZE) resumedInside += 1;
    const { body: before } = await client.status(session.id);
    if (before.status !== 'completed') {
      assert.equal(await patchRest(session.url, file, offset), 204, name);
    }

    const { body } = await client.status(session.id);
    assert.equal(body.status, 'completed', name);
    assert.equal(body.sha256, sha256(file), name);
    const files = filesOfSession(service.dataDir, session.id);
    assert.equal(files.length, 1, `${name}: ${files}`);
    assert.equal(await sha256OfFile(files[0] ?? ''), sha256(file), name);

    const quota = await client.quota();
    assert.equal(quota.quota_used, (moment + 1) * SIZE, name);
    assert.equal(quota.quota_reserved, 0, name);
  }
  assert(
    resumedInside >= 5,
    `only ${resumedInside} uploads were resumed from within: the moments prove little`,
  );
});

/** Send these bytes of a longer file, and kill the service `afterMs` after the last of them has left. */
async function sendAndKill(service: ServiceProcess, url: URL, bytes: Buffer, afterMs: number): Promise<void> {
  const request = openPatch(url, 0, SIZE);
  const answered = answerTo(request).catch(() => {});
  for (let at = 0; at < bytes.length; at += SLICE) await writeOut(request, bytes.subarray(at, at + SLICE));
  if (bytes.length === SIZE) {
    request.end();
    // The very moment of the kill is what this test is about.
    await Promise.race([answered, delay(afterMs)]);
  }
  await service.kill('SIGKILL');
  request.destroy();
  await answered;
}
