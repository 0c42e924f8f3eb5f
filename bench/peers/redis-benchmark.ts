import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { findProgram, lookUp } from '../../scripts/lib/servers/program.ts';
import { runCommand } from '../harness/cache.ts';
import type { Peer, Running } from '../harness/contract.ts';
import { CONTEXT } from '../load/users.ts';

const PROGRAM = { name: 'redis-benchmark', debianPackage: 'redis-tools' };

/** The admission script alone, by Redis' own load: what one Redis cannot be faster than. */
export const redisBenchmark: Peer = {
  name: 'redis-benchmark',
  async prepare({ install }) {
    const program = install ? findProgram(PROGRAM) : lookUp(PROGRAM);
    if (program === null) throw new Error('it is not installed, and a quick run installs nothing');
    return runCommand(program, ['--version']).replace('redis-benchmark ', '');
  },
};

const KEYS = ['s:__rand_int__', 'd:__rand_int__', 'u', 'x', 'g', 'users', 'listened'].map(
  (key) => `ceiling:{0}:${key}`,
);
const DAY = 86_400_000;

/** Nothing runs: each measurement is a command. */
export async function startRedisBenchmark(port: number): Promise<Running> {
  const source = (name: string) =>
    readFileSync(new URL(`../../src/stores/redis/${name}.lua`, import.meta.url), 'utf8');
  const [admit, load] = ['admit', 'load'].map((name) => `${source('shared')}\n${source(name)}`);
  const redis = new Redis({ host: '127.0.0.1', port });
  try {
    await redis.script('LOAD', admit ?? '');
    const now = Date.now();
    const account = [String(2 ** 52), '0', String(now), String(now + 30 * DAY), '1', '0'];
    await redis.eval(load ?? '', 2, KEYS[2] ?? '', KEYS[3] ?? '', ...account);
  } finally {
    redis.disconnect();
  }
  const sha = createHash('sha1')
    .update(admit ?? '')
    .digest('hex');
  return { url: sha, pid: 0, stop: async () => {} };
}

/** Calls of the script per second, over so many connections. */
export function runRedisBenchmark(port: number, sha: string, connections: number, calls: number): number {
  const document = `["mp4","holiday.mp4"]\n${JSON.stringify(CONTEXT)}`;
  const limits = ['1000', String(2 ** 40), '1000000000', '3600000', String(DAY), '1000', '', ''];
  const args = ['__rand_int__', '12345678-1234-4678-9012-123456789012', document, ...limits];
  const options = [
    '-p',
    String(port),
    '-c',
    String(connections),
    '-n',
    String(calls),
    '-r',
    '1000000000',
    '--csv',
  ];
  const said = runCommand(findProgram(PROGRAM), [
    ...options,
    'EVALSHA',
    sha,
    String(KEYS.length),
    ...KEYS,
    ...args,
  ]);
  // The command itself stands in front, in quotes, commas and all: the first number after it is the rate.
  const rate = Number(/","([\d.]+)"(?:,"[\d.]+")*$/m.exec(said)?.[1]);
  if (!Number.isFinite(rate)) throw new Error('redis-benchmark told no rate');
  return rate;
}
