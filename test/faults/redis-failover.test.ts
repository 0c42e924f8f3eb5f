import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Redis } from 'ioredis';
import { type RunningCluster, startRedisCluster } from '../../scripts/lib/servers/redis-cluster.ts';
import { startRedisWithSentinels } from '../../scripts/lib/servers/redis-sentinel.ts';
import { connectRedis, untilReady } from '../../src/stores/redis/connect.ts';
import { slotOf } from '../../src/stores/redis/slot.ts';
import { shardOf } from '../contracts/session-store/harness.ts';
import { harnessOn } from '../contracts/session-store/redis-harness.ts';
import { openWorkshop, type Workshop } from '../contracts/session-store/workshop.ts';
import { until } from '../e2e/until.ts';
import { eventually } from '../helpers/redis.ts';
import { connectedCluster, moveSlot } from '../helpers/redis-cluster.ts';
import { crampedUsers, type LoadReport, startLoad } from './session-load.ts';

/** Invariant E. */
const DEADLINE_MS = 2000;
/** The servers of these tests are declared dead after a second or two; the rest is for a busy machine. */
/** Sentinels that find that the machine stood still do nothing for half a minute, each time. */
const FAILOVER_MS = 150_000;
/** A node that is declared dead so early would be given up on a busy machine, too, where it lives. */
const NODE_TIMEOUT_MS = 2000;
/** As much as this share of the calls may find a Redis slow that does its work as it should, on a busy machine. */
const SLOW_SHARE = 0.2;

/** Nothing is promised twice, whatever was lost: used + reserved ≤ limit, and all of it is given back in the end. */
async function assertBalanced(w: Workshop, users: readonly string[]): Promise<void> {
  for (const userId of users) {
    const quota = await eventually(FAILOVER_MS, () => w.quota(userId));
    const { usedBytes, reservedBytes, limitBytes, activeSessions } = quota;
    assert.ok(
      usedBytes + reservedBytes <= limitBytes,
      `${reservedBytes} of ${limitBytes} bytes are reserved`,
    );
    const live = await eventually(FAILOVER_MS, () => w.store.liveSessions(userId));
    assert.equal(live.length, activeSessions);
    assert.equal(
      live.reduce((sum, { reservedBytes: bytes }) => sum + bytes, 0),
      reservedBytes,
    );
  }
}

test('a master killed behind Sentinels: the replica takes over by itself, no answer is late, no room is given twice', async (t) => {
  const redis = await startRedisWithSentinels();
  t.after(() => redis.stop());
  const sentinels = redis.sentinels.map(({ port }) => ({ host: '127.0.0.1', port }));
  const client = connectRedis({ sentinels, masterName: redis.masterName });
  const harness = harnessOn(client);
  t.after(() => client.disconnect());
  assert.ok(await untilReady(client, FAILOVER_MS));
  const w = openWorkshop(harness);
  const users = await crampedUsers(w, 4);

  const load = startLoad(t, w, users);
  const total = () => users.reduce((sum, userId) => sum + load.admitted(userId), 0);
  await until('sessions are admitted', () => total() > 100, FAILOVER_MS);
  await redis.master.stop();
  const before = total();
  const everybodyHasMore = users.map((userId) => load.admitted(userId) + 5);
  await until(
    'the replica admits sessions',
    () => users.every((userId, n) => load.admitted(userId) >= (everybodyHasMore[n] ?? 0)),
    FAILOVER_MS,
  );
  assert.ok(total() > before);
  const report = await load.stop();
  t.diagnostic(JSON.stringify(report));

  assert.equal(client.options.port === redis.master.port, false);
  assert.ok(report.away > 0, 'the outage was told');
  assertInTime(report);
  assert.equal(report.overAdmitted, 0);
  await assertBalanced(w, users);
});

function assertInTime({ longestAnswerMs, ownDelayMs }: LoadReport): void {
  const late = `an answer took ${Math.round(longestAnswerMs)} ms, ${Math.round(ownDelayMs)} ms of them ours`;
  assert.ok(longestAnswerMs - ownDelayMs < DEADLINE_MS, late);
}

function assertUndisturbed({ admitted, refused, away, lost }: LoadReport): void {
  assert.equal(lost, 0, `Redis refused or lost ${lost} calls`);
  assert.ok(away <= (admitted + refused) * SLOW_SHARE, `${away} calls found Redis too slow`);
}

async function clusterFor(t: TestContext, options: { replicas?: boolean } = {}) {
  const cluster = await startRedisCluster({ ...options, nodeTimeoutMs: NODE_TIMEOUT_MS });
  t.after(() => cluster.stop());
  const client = await connectedCluster(cluster);
  t.after(() => client.disconnect());
  return { cluster, client, w: openWorkshop(harnessOn(client)) };
}

/** Position of the master that has the user's keys, in the order of `masters`. */
function masterOf({ masters }: RunningCluster, userId: string): number {
  return Math.floor((slotOf(shardOf(userId)) * masters.length) / 16_384);
}

test('one master of a Cluster killed: its users wait for its replica, the others notice nothing', async (t) => {
  const { cluster, w } = await clusterFor(t, { replicas: true });
  const users = await crampedUsers(w, 12);
  const isHit = (userId: string) => masterOf(cluster, userId) === 0;
  // Of twelve, one time in a hundred and thirty all are elsewhere.
  while (users.every(isHit) || !users.some(isHit)) users.push(...(await crampedUsers(w, 1)));
  const hit = users.filter(isHit);
  const others = users.filter((userId) => !isHit(userId));

  const [hitLoad, otherLoad] = [startLoad(t, w, hit), startLoad(t, w, others)];
  const all = (load: typeof hitLoad, whose: readonly string[], than: number) =>
    whose.every((userId) => load.admitted(userId) > than);
  await until(
    'sessions are admitted',
    () => all(hitLoad, hit, 10) && all(otherLoad, others, 10),
    FAILOVER_MS,
  );
  await cluster.masters[0]?.stop();
  const before = Math.max(...hit.map((userId) => hitLoad.admitted(userId)));
  await until('its replica admits sessions', () => all(hitLoad, hit, before + 5), FAILOVER_MS);
  const [hitReport, otherReport] = [await hitLoad.stop(), await otherLoad.stop()];
  t.diagnostic(`hit: ${JSON.stringify(hitReport)}`);
  t.diagnostic(`others: ${JSON.stringify(otherReport)}`);

  assertInTime(hitReport);
  assertUndisturbed(otherReport);
  assert.equal(hitReport.overAdmitted + otherReport.overAdmitted, 0);
  await assertBalanced(w, users);
});

test('slots that move to another node, and scripts that are forgotten, cost nobody an answer', async (t) => {
  const { cluster, w } = await clusterFor(t);
  const users = await crampedUsers(w, 4);
  const nodes = cluster.masters.map(({ port }) => new Redis({ host: '127.0.0.1', port }));
  t.after(() => {
    for (const node of nodes) node.disconnect();
  });

  const load = startLoad(t, w, users);
  const allHaveMore = async (what: string) => {
    const before = users.map((userId) => load.admitted(userId));
    await until(
      what,
      () => users.every((userId, n) => load.admitted(userId) > (before[n] ?? 0) + 5),
      FAILOVER_MS,
    ).catch((fault: Error) => {
      throw new Error(fault.message, { cause: load.lastFault() });
    });
  };
  await allHaveMore('sessions are admitted');
  const slots = new Map(users.map((userId) => [slotOf(shardOf(userId)), masterOf(cluster, userId)]));
  for (const [slot, from] of slots) await moveSlot(nodes, slot, from, (from + 1) % nodes.length);
  await allHaveMore('sessions are admitted at the new nodes');
  for (let round = 0; round < 3; round += 1) {
    await Promise.all(nodes.map((node) => node.script('FLUSH')));
    await allHaveMore('sessions are admitted by scripts that were sent again');
  }
  const report = await load.stop();
  t.diagnostic(JSON.stringify(report));
  assertUndisturbed(report);
  assert.equal(report.overAdmitted, 0);
  assertInTime(report);
  await assertBalanced(w, users);
});
