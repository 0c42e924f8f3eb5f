import { access } from 'node:fs/promises';
import { pino } from 'pino';
import { describeRedis, type RedisAddress } from '../../config/redis.ts';
import type { Config } from '../../config.ts';
import type { Outbox } from '../../core/outbox.ts';
import type { Probe } from '../../core/ports.ts';
import { openStores, type Stores } from '../../main/open-stores.ts';
import { STORE_REFUSES } from '../../main/refusal.ts';
import { errnoOf } from '../../stores/disk/faults.ts';
import { advise, bad, type Finding, reasonOf, well } from './finding.ts';
import { examineRedis } from './redis.ts';

/** Whether each store answers, and what it has to say beyond that. */
export async function examineStores(config: Config): Promise<Finding[]> {
  let stores: Stores;
  try {
    stores = await openStores(config, pino({ level: 'silent' }));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === STORE_REFUSES) {
      return [bad('databases', error.message, 'mend what the sentence names, and start again')];
    }
    const advice = `make ${config.dataDir} a folder that this user may write to, or set DATA_DIR`;
    return [bad('databases', reasonOf(error), advice)];
  }
  const { sessions, ledger } = stores;
  try {
    const findings = await Promise.all([
      examineProbe(
        config,
        sessions,
        async () => (config.sessions.backend === 'redis' ? examineRedis(config.sessions.redis) : []),
        stores.lastRedisFault,
      ),
      examineProbe(config, ledger, () => examineOutbox(config, ledger.outbox)),
      examineStorage(config, stores),
    ]);
    return findings.flat();
  } finally {
    await stores.close();
  }
}

async function examineProbe(
  config: Config,
  probe: Probe,
  furtherOn: () => Promise<Finding[]>,
  lastFault: () => Error | null = () => null,
): Promise<Finding[]> {
  try {
    await probe.check();
    return [well(probe.name, `${probe.backend} answers`), ...(await furtherOn())];
  } catch (error) {
    const reason = trueReasonOf(error, lastFault());
    return [bad(probe.name, reason, adviceAgainst(reason) ?? adviceFor(config, probe))];
  }
}

/** A client of Redis that has no connection says only that; why it has none is what its last try failed with. */
const NO_CONNECTION = /\([^()]*enableOfflineQueue[^()]*\)$/;

/** What it says also where Sentinels answer, in the midst of a failover. */
const NO_MASTER = /All sentinels are unreachable\. Retrying from scratch after [\d.]+ms/;

function trueReasonOf(error: unknown, lastFault: Error | null): string {
  const reason = reasonOf(error);
  const fault = lastFault && 'lastNodeError' in lastFault ? lastFault.lastNodeError : lastFault;
  if (!(fault instanceof Error)) return reason;
  // Where a name has several addresses, the fault of all of them has a code and no words.
  const words = fault.message || ('code' in fault ? String(fault.code) : fault.name);
  return reason.replace(NO_CONNECTION, () => `(${words.replace(NO_MASTER, 'no Sentinel gives a master')})`);
}

/**
 * The service makes its folders when it starts; doctor makes none. Where their disk is not mounted, a running service is
 * not ready for want of them: made on another disk, they would have it take uploads there.
 */
async function examineStorage(config: Config, { blobs, ledger }: Stores): Promise<Finding[]> {
  const missing = await missingFolders(config);
  if (missing.length === 0) return examineProbe(config, blobs, async () => []);
  const message = `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not there`;
  const any = { order: 'user', descending: false, after: null, limit: 1 } as const;
  const users = await ledger.accounts(any).catch(() => []);
  // The service has been at work, so they were there.
  if (users.length > 0) {
    const advice = `mount the disk they are on, or restore them; where they are new, mkdir -m 700 ${missing.join(' ')}`;
    return [bad(blobs.name, message, advice)];
  }
  return [
    advise(
      blobs.name,
      message,
      'the service makes them when it starts: mount their disk before, if they have one',
    ),
  ];
}

async function missingFolders({ storage }: Config): Promise<string[]> {
  if (storage.backend !== 'disk') return [];
  const folders = [storage.uploadFolder, storage.tempFolder];
  const absent = await Promise.all(
    folders.map((folder) =>
      access(folder).then(
        () => false,
        (fault: unknown) => errnoOf(fault) === 'ENOENT',
      ),
    ),
  );
  return folders.filter((_, index) => absent[index]);
}

/** Of servers that answer and take no writes; the words are theirs, and those of the ledger's check. */
const WITHOUT_WRITES: readonly (readonly [RegExp, string])[] = [
  [/\(OOM /, 'Redis is full: raise its "maxmemory", or find what else fills it ("redis-cli --bigkeys")'],
  [
    /\(READONLY /,
    'this Redis is a replica: name the master, or the Sentinels that know it (REDIS_SENTINELS)',
  ],
  [/\(MISCONF /, 'Redis cannot save: make room on its disk, and look into its log'],
  [/\(NOREPLICAS /, 'bring the replicas of Redis back, or lower its "min-replicas-to-write"'],
  [
    /\(PostgreSQL is read-only\)/,
    'name the primary in DATABASE_URL where this is a standby; else set "default_transaction_read_only" off',
  ],
];

function adviceAgainst(reason: string): string | null {
  return WITHOUT_WRITES.find(([words]) => words.test(reason))?.[1] ?? null;
}

function adviceFor(config: Config, probe: Probe): string {
  if (config.sessions.backend === 'redis' && probe.name === 'session_store') {
    const { redis } = config.sessions;
    return `start Redis at ${describeRedis(redis)}, or ${mendingOf(redis)}`;
  }
  if (config.ledger.backend === 'postgresql' && probe.name === 'ledger') {
    return 'start PostgreSQL, or mend DATABASE_URL: its host, user, password and database';
  }
  if (probe.name === 'storage' && config.storage.backend === 's3') {
    return 'mend S3_ENDPOINT, S3_BUCKET_NAME or the keys: the bucket must exist and be open to them';
  }
  if (probe.name === 'storage' && config.storage.backend === 'disk') {
    return `let this user write to ${config.storage.uploadFolder} and ${config.storage.tempFolder}`;
  }
  return `let this user write to ${config.dataDir}`;
}

function mendingOf(redis: RedisAddress): string {
  if ('nodes' in redis) return 'set REDIS_CLUSTER_NODES to some nodes of one that runs';
  if ('sentinels' in redis) {
    return 'set REDIS_SENTINELS and REDIS_SENTINEL_MASTER to Sentinels that run, and the name of the master they watch';
  }
  return 'set REDIS_HOST, REDIS_PORT and REDIS_PASSWORD to one that runs';
}

/** An event that is still waiting after so long has met a receiver that is away. */
const LATE_MS = 15 * 60_000;
const MANY = 500;

async function examineOutbox({ webhook, sessions }: Config, outbox: Outbox): Promise<Finding[]> {
  const dead = await outbox.list({ status: 'dead', limit: MANY });
  const pending = await outbox.list({ status: 'pending', after: 0, limit: MANY });
  const late = pending.filter(({ createdAt }) => Date.now() - createdAt > LATE_MS);
  const [reason] = [...dead, ...late].map(({ lastError }) => lastError).filter((error) => error !== null);
  const why = reason === undefined ? '' : `, such as: ${reason}`;
  const findings: Finding[] = [];
  if (dead.length > 0) {
    findings.push(
      advise(
        'events',
        `${atLeast(dead.length)} were given up after a day of trying${why}`,
        'mend the receiver, then deliver them with "sluice events replay --dead"',
      ),
    );
  }
  const hasReceiver = webhook !== null || sessions.backend === 'redis';
  if (hasReceiver && late.length > 0) {
    findings.push(
      advise(
        'events',
        `${atLeast(late.length)} have been waiting for more than ${LATE_MS / 60_000} minutes${why}`,
        'see "sluice events list --status pending", mend the receiver, and look whether the service runs',
      ),
    );
  }
  return findings.length > 0 ? findings : [well('events', 'none was given up')];
}

function atLeast(count: number): string {
  return `${count}${count === MANY ? ' or more' : ''} events`;
}
