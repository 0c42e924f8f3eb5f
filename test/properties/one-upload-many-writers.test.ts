import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { Session } from '../../src/core/session.ts';
import { until } from '../e2e/until.ts';
import { videoOf } from '../e2e/videos.ts';
import { type Service, startService } from '../engine/service.ts';
import { exchange } from '../protocols/raw-http.ts';
import { type WriteRequest, writeRequests } from './requests.ts';
import { askOffset, observe, write } from './writers.ts';

/**
 * Invariants B and C: several writers with random requests in all dialects, cut at random, twice, and in any order.
 * What is acknowledged never falls while the same upload goes on; the file is what was sent; it is counted once.
 */

const RUNS = 120;
const SECONDS = 40;
const SIZES = { min: 50_000, max: 250_000 };

interface Play {
  readonly size: number;
  readonly told: boolean;
  readonly writers: readonly (readonly WriteRequest[])[];
}

function plays(dialects: readonly WriteRequest['dialect'][]): fc.Arbitrary<Play> {
  const requests = fc.array(writeRequests(dialects), { minLength: 1, maxLength: 5 });
  return fc.record({
    size: fc.integer(SIZES),
    told: fc.boolean(),
    writers: fc.array(requests, { minLength: 1, maxLength: 4 }),
  });
}

async function play(service: Service, { size, told, writers }: Play, falls: boolean): Promise<void> {
  const file = videoOf(size, size);
  const session = await service.newSession({ expectedFileSize: told ? size : null });
  const before = await service.uploads.quota(service.userId);
  const observed = observe(falls);

  await Promise.all(writers.map((requests) => write(service, session, file, requests, observed)));
  await finish(service, session, file, observed);

  const found = await service.find(session);
  assert.equal(found.status, 'completed');
  const stored = await readFile(join(service.uploadFolder, `${session.sessionId}.mp4`));
  assert.ok(stored.equals(file), 'invariant B: the file is not what was sent');
  const after = await service.uploads.quota(service.userId);
  assert.equal(after.usedBytes - before.usedBytes, size, 'invariant C: counted once');
  assert.equal(after.reservedBytes, 0);
  assert.deepEqual(await service.partialFiles(), []);
}

/** Do what a client does in the end: ask, send the rest, until it is through. */
async function finish(
  service: Service,
  session: Session,
  file: Buffer,
  observed: ReturnType<typeof observe>,
): Promise<void> {
  const target = service.target(session);
  await until('the upload is complete', async () => {
    const offset = await askOffset(service, session, observed);
    const { status } = await service.find(session);
    if (status === 'completed') return true;
    const headers = {
      'upload-draft-interop-version': 8,
      'content-type': 'application/partial-upload',
      'upload-offset': offset,
      'upload-complete': '?1',
    };
    const answer = await exchange(service.port, 'PATCH', target, headers, file.subarray(offset));
    assert.ok([201, 409].includes(answer.status), `${answer.status}: ${answer.text}`);
    return answer.status === 201;
  });
}

for (const [what, dialects] of [
  ['tus and IETF writers: no acknowledged byte is lost', ['tus', 'ietf']],
  ['writers in all dialects, some of which begin anew', ['tus', 'ietf', 'put']],
] as const) {
  test(`${what}; the file is what was sent, counted once`, async (t: TestContext) => {
    const seed = Number(process.env.SLUICE_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
    t.diagnostic(`SLUICE_TEST_SEED=${seed}`);
    const service = await startService(t, {
      quota: Number.MAX_SAFE_INTEGER,
      engine: { commitBytes: 20_000, commitIntervalMs: 20 },
      limits: { maxActiveSessions: 10_000, maxFileSize: 1_000_000 },
    });
    const falls = dialects.some((dialect) => dialect === 'put');
    await fc.assert(
      fc.asyncProperty(plays(dialects), (random) => play(service, random, falls)),
      { seed, numRuns: RUNS, interruptAfterTimeLimit: SECONDS * 1000, endOnFailure: true },
    );
  });
}
