import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type ServiceProcess, serviceFor, sharedRedis } from '../e2e/service.ts';
import { faultRow, LONG } from './fault-row.ts';
import { realStores } from './real-stores.ts';

const PRELOAD = fileURLToPath(new URL('shift-clock.ts', import.meta.url));
const HOUR_MS = 3_600_000;
const TTL_MS = LONG ? 20_000 : 4000;
/** How long a busy machine may take to ask and be answered. */
const LEEWAY_MS = 750;
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
    const redis = sharedRedis().env;
    const services = await Promise.all([startShifted(HOUR_MS), startShifted(-HOUR_MS), startShifted(0)]);
    for (const [n, service] of services.entries())
      await assertShifted(service, [HOUR_MS, -HOUR_MS, 0][n] ?? 0);

    const verdicts = await Promise.all(
      services.flatMap((made, n) =>
        Array.from({ length: SESSIONS }, () => expiryOf(made, services[(n + 1) % services.length] ?? made)),
      ),
    );
    const offBy = verdicts.map((expiredAfterMs) => expiredAfterMs - TTL_MS);
    Object.assign(figures, {
      sessions: verdicts.length,
      early: offBy.filter((ms) => ms < -LEEWAY_MS).length,
      late: offBy.filter((ms) => ms > LEEWAY_MS).length,
      'furthest off': `${Math.round(Math.max(...offBy.map(Math.abs)))} ms`,
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

/** Start a session at one service, and ask another until it is not active any more. Gives how long that took. */
async function expiryOf(made: ServiceProcess, asked: ServiceProcess): Promise<number> {
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
  const { session_id } = (await answer.json()) as { session_id: string };
  for (;;) {
    const session = await fetch(`${asked.url}/v1/dashboard/upload/sessions/${session_id}`, { headers });
    const { status } = (await session.json()) as { status: string };
    const tookMs = performance.now() - startedAt;
    if (status !== 'active') {
      const quota = await fetch(`${asked.url}/v1/dashboard/upload/quota`, { headers });
      assert.equal(((await quota.json()) as { quota_reserved: number }).quota_reserved, 0);
      return tookMs;
    }
    if (tookMs > TTL_MS + 10_000) return tookMs;
    await pause(50);
  }
}
