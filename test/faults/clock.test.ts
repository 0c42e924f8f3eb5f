import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type ServiceProcess, serviceFor } from '../e2e/service.ts';
import { faultRow, LONG } from './fault-row.ts';
import { realStores, redisFor } from './real-stores.ts';

const PRELOAD = fileURLToPath(new URL('shift-clock.ts', import.meta.url));
const HOUR_MS = 3_600_000;
const TTL_MS = LONG ? 20_000 : 4000;
/** Redis' clock and that of this test run side by side, not in step. */
const LEEWAY_MS = 50;
const SESSIONS = 5;

test('service clocks an hour ahead and an hour behind: no session expires early or late', async (t) => {
  await faultRow(t, { fault: 'service clock ±1 h, sessions in Redis', checked: 'A, F' }, async (figures) => {
    const stores = await realStores(t);
    const startShifted = (shiftMs: number) =>
      serviceFor(t, {
        dataDir: stores.dataDir,
        env: {
          ...stores.env,
          ...redis,
          SLUICE_CLOCK_SHIFT_MS: String(shiftMs),
          UPLOAD_SESSION_TTL: String(TTL_MS / 1000),
        },
        wrap: ([node = '', ...rest]) => [node, '--import', PRELOAD, ...rest],
      });
    const redis = redisFor(t);
    const services = await Promise.all([startShifted(HOUR_MS), startShifted(-HOUR_MS), startShifted(0)]);
    for (const [n, service] of services.entries())
      await assertShifted(service, [HOUR_MS, -HOUR_MS, 0][n] ?? 0);

    const verdicts = await Promise.all(
      services.flatMap((made, n) =>
        Array.from({ length: SESSIONS }, () => expiryOf(made, services[(n + 1) % services.length] ?? made)),
      ),
    );
    Object.assign(figures, {
      sessions: verdicts.length,
      early: verdicts.filter(({ endedBy }) => endedBy < TTL_MS - LEEWAY_MS).length,
      late: verdicts.filter(({ activeAt }) => activeAt > TTL_MS + LEEWAY_MS).length,
      'earliest end': `${Math.round(Math.min(...verdicts.map(({ endedBy }) => endedBy)) - TTL_MS)} ms after its time`,
    });
    assert.deepEqual({ early: figures.early, late: figures.late }, { early: 0, late: 0 });
  });
});

/** The preload does what this test needs it for. */
async function assertShifted(service: ServiceProcess, shiftMs: number): Promise<void> {
  const response = await fetch(`${service.url}/v1/dashboard/upload/quota`);
  const { timestamp } = (await response.json()) as { timestamp: string };
  const off = Date.parse(timestamp) - Date.now() - shiftMs;
  assert(Math.abs(off) < 60_000, `the clock is ${off} ms off what it should be`);
}

/**
 * Start a session at one service, and ask another until it is not active any more. Both figures are milliseconds of
 * its life and leave no doubt on a busy machine: it was active still at the one (counted from the answer that told
 * of it to the question), and ended by the other (from the question to the answer).
 */
async function expiryOf(
  made: ServiceProcess,
  asked: ServiceProcess,
): Promise<{ activeAt: number; endedBy: number }> {
  const user = randomUUID();
  // Good at an hour ahead, too.
  const headers = {
    authorization: `Bearer ${made.token({ user, ttl: 10_800 })}`,
    'content-type': 'application/json',
  };
  const startedAt = performance.now();
  const answer = await fetch(`${made.url}/v1/dashboard/upload/initiate`, {
    method: 'POST',
    headers,
    body: JSON.stringify({
      dashboard_context: { source_section: 'faults', workflow_type: 'single_upload' },
      expected_file_size: 1000,
    }),
  });
  assert.equal(answer.status, 201, await answer.clone().text());
  const toldAt = performance.now();
  const { session_id } = (await answer.json()) as { session_id: string };
  let activeAt = 0;
  for (;;) {
    const askedAt = performance.now() - toldAt;
    const session = await fetch(`${asked.url}/v1/dashboard/upload/sessions/${session_id}`, { headers });
    const { status } = (await session.json()) as { status: string };
    const endedBy = performance.now() - startedAt;
    if (status !== 'active') {
      const quota = await fetch(`${asked.url}/v1/dashboard/upload/quota`, { headers });
      assert.equal(((await quota.json()) as { quota_reserved: number }).quota_reserved, 0);
      return { activeAt, endedBy };
    }
    activeAt = askedAt;
    if (activeAt > TTL_MS + 10_000) return { activeAt, endedBy };
    await pause(50);
  }
}
