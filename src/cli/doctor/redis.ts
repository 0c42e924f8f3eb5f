import { Cluster } from 'ioredis';
import type { RedisAddress } from '../../config/redis.ts';
import { connectRedis, untilReady } from '../../stores/redis/connect.ts';
import { advise, type Finding, well } from './finding.ts';

const WAIT_MS = 2000;
/** Clocks further apart than this make expiries and log lines puzzling; nothing breaks. */
const SKEW_MS = 2000;

/** A Redis that evicts nothing and has less room than this refuses all writes before long. */
const NEARLY_FULL = 0.9;

/** How a Redis that answers is set up: whether it may forget sessions or is nearly full, and whether it outlives a restart. */
export async function examineRedis(address: RedisAddress): Promise<Finding[]> {
  const client = connectRedis({ ...address, onError: () => {} });
  try {
    if (!(await untilReady(client, WAIT_MS))) return [];
    const server = client instanceof Cluster ? client.nodes('master')[0] : client;
    if (server === undefined) return [];
    const [info, [seconds, micros]] = await Promise.all([server.info(), server.time()]);
    const skew = Date.now() - (Number(seconds) * 1000 + Number(micros) / 1000);
    return [...examineInfo(factsOf(info)), ...examineClock(skew)];
  } finally {
    client.disconnect();
  }
}

function examineInfo(facts: ReadonlyMap<string, string>): Finding[] {
  const findings: Finding[] = [];
  const policy = facts.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    findings.push(
      advise(
        'redis memory',
        `with maxmemory-policy ${policy} Redis may drop sessions that still receive bytes`,
        'set "maxmemory-policy noeviction": then it refuses new sessions instead',
      ),
    );
  }
  const [used, most] = [Number(facts.get('used_memory')), Number(facts.get('maxmemory'))];
  if (policy === 'noeviction' && most > 0 && used / most >= NEARLY_FULL) {
    findings.push(
      advise(
        'redis memory',
        `${Math.floor((used / most) * 100)} % of its maxmemory is used; a full Redis refuses every write`,
        'raise "maxmemory", or find what else fills it ("redis-cli --bigkeys")',
      ),
    );
  }
  if (facts.get('aof_enabled') === '0') {
    findings.push(
      advise(
        'redis persistence',
        'a restart of Redis loses the sessions since its last snapshot; what is counted is in the ledger',
        'set "appendonly yes" and "appendfsync everysec"',
      ),
    );
  }
  return findings.length > 0 ? findings : [well('redis', `version ${facts.get('redis_version')}`)];
}

function examineClock(skewMs: number): Finding[] {
  if (Math.abs(skewMs) <= SKEW_MS) return [];
  return [
    advise(
      'clock',
      `this machine and Redis are ${(Math.abs(skewMs) / 1000).toFixed(1)} s apart`,
      'keep both in time with NTP: sessions go by the clock of Redis, tokens by that of this machine',
    ),
  ];
}

function factsOf(info: string): ReadonlyMap<string, string> {
  return new Map(
    info.split(/\r?\n/).flatMap((line): [string, string][] => {
      const colon = line.indexOf(':');
      return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)]] : [];
    }),
  );
}
