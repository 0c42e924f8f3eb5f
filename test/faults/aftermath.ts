import assert from 'node:assert/strict';
import { createClient } from '../e2e/client.ts';
import type { ServiceProcess } from '../e2e/service.ts';
import { until } from '../e2e/until.ts';
import type { Figures } from './fault-row.ts';
import type { HttpLoad } from './http-load.ts';
import { judgeLedger, partialFiles, type RealStores } from './real-stores.ts';

/** Invariant E: an answer is out within this time, whatever is away. */
const DEADLINE_MS = 2000;

/**
 * After a load and a fault: every session that is left is cancelled by its owner, and then nothing may be lost,
 * counted twice, reserved or lying about. Notes the figures and asserts the zeros among them.
 */
export async function judgeAftermath(
  figures: Figures,
  scene: {
    readonly load: HttpLoad;
    readonly service: ServiceProcess;
    readonly stores: RealStores;
    /** Sessions were lost with the store that kept them: only its sweeper could have known of their bytes. */
    readonly sessionsLost?: boolean;
  },
): Promise<void> {
  const { load, service, stores } = scene;
  let [reserved, overCounted, doubled] = [0, 0, 0];
  for (const user of load.users) {
    const client = createClient(service, user);
    await until(
      'the sessions of a user can be listed',
      async () => (await client.call('GET', 'sessions')).status === 200,
    );
    const { body } = await client.call('GET', 'sessions?limit=100');
    // The answer is a list.
    const live = Object.values(body) as { session_id: string }[];
    // A caller has one session at a time, so a second one was reserved for a call that had been done already.
    doubled += Math.max(0, live.length - 1);
    for (const session of live) {
      // One that was settled meanwhile is 409: it is complete, and stays so.
      const { status } = await client.call('DELETE', `sessions/${session.session_id}`);
      assert([200, 204, 404, 409].includes(status), `cancelling answered ${status}`);
    }
    const quota = await client.quota();
    reserved += Number(quota.quota_reserved);
    const [row] = await stores.database.query(`select used_bytes from accounts where user_id = '${user}'`);
    if (Number(row?.used_bytes ?? 0) !== Number(quota.quota_used)) overCounted += 1;
  }
  const verdict = await judgeLedger(stores.database, load.completed);
  const partial = (await partialFiles(stores.dataDir)).length;
  Object.assign(figures, {
    completed: verdict.settled,
    lost: verdict.lost,
    miscounted: verdict.miscounted + overCounted,
    'event faults': verdict.eventFaults,
    'double reservations': doubled,
    'reserved at the end': reserved,
    'partial files': partial,
    answers: [...load.answers].map(([name, count]) => `${count} × ${name}`).join(', '),
    'longest answer': `${Math.round(load.longestMs.control)} ms`,
    'longest upload': `${Math.round(load.longestMs.upload)} ms`,
  });
  assert(verdict.settled > 0, 'nothing was completed: the load proves nothing');
  for (const zero of ['lost', 'miscounted', 'event faults', 'reserved at the end']) {
    assert.equal(figures[zero], 0, zero);
  }
  if (!scene.sessionsLost) {
    assert.equal(partial, 0, 'partial files');
    assert.equal(doubled, 0, 'double reservations');
  }
  const surprises = [...load.answers.keys()].filter((name) => /^5/.test(name) && !name.startsWith('503'));
  assert.deepEqual(surprises, []);
  // On a machine too busy to let this process run, the service does not run either.
  const lateMs = load.longestMs.control - 2 * load.ownDelayMs();
  assert(lateMs < DEADLINE_MS, `an answer took ${Math.round(load.longestMs.control)} ms`);
}

/** Under load, do the fault, and wait until uploads are completed again. Gives the seconds it took from `mend` on. */
export async function recovery(load: HttpLoad, mend: () => Promise<unknown>): Promise<number> {
  await mend();
  const mendedAt = performance.now();
  const before = load.completed.size;
  await until('uploads are completed again', () => load.completed.size > before + load.users.length / 2);
  return Math.round((performance.now() - mendedAt) / 10) / 100;
}
