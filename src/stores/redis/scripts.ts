import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { asStoreFault } from './call.ts';
import type { RedisClient } from './connect.ts';

const NAMES = [
  'admit',
  'find',
  'take',
  'commit',
  'merge',
  'finish',
  'end',
  'read',
  'load',
  'rebuild',
  'recount',
  'holdings',
  'lease',
  'due',
  'due-users',
  'expire',
  'forget',
  'recall',
  'take-permit',
] as const;

export type ScriptName = (typeof NAMES)[number];

/** Run a script in one round trip; a second one only where the server does not know it (any more). */
export type RunScript = (
  name: ScriptName,
  keys: readonly string[],
  args: readonly string[],
) => Promise<unknown>;

/** Told how long each command took, in seconds: for metrics. `cmd`: a script's own name, or that of the command. */
export type ObserveCommand = (cmd: string, seconds: number, outcome: 'ok' | 'error') => void;

/** Reads the scripts from disk, next to this module, each with shared.lua in front of it. */
export function loadScripts(redis: RedisClient, observe?: ObserveCommand): RunScript {
  const source = (name: string) => readFileSync(new URL(`./${name}.lua`, import.meta.url), 'utf8');
  const shared = source('shared');
  const scripts = new Map(
    NAMES.map((name) => {
      const lua = `${shared}\n${source(name)}`;
      return [name, { lua, sha: createHash('sha1').update(lua).digest('hex') }];
    }),
  );

  return async function run(name, keys, args) {
    const script = scripts.get(name);
    if (!script) throw new TypeError(`There is no script ${name}.`);
    const { lua, sha } = script;
    const beganAt = performance.now();
    let outcome: 'ok' | 'error' = 'error';
    try {
      const reply = await redis.evalsha(sha, keys.length, ...keys, ...args);
      outcome = 'ok';
      return reply;
    } catch (fault) {
      if (!isUnknownScript(fault)) throw asStoreFault(fault);
      const reply = await redis.eval(lua, keys.length, ...keys, ...args).catch(rethrow);
      outcome = 'ok';
      return reply;
    } finally {
      observe?.(name, (performance.now() - beganAt) / 1000, outcome);
    }
  };
}

function isUnknownScript(fault: unknown): boolean {
  return fault instanceof Error && fault.message.startsWith('NOSCRIPT');
}

function rethrow(fault: unknown): never {
  throw asStoreFault(fault);
}
