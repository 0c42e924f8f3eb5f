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
    const beganAt = performance.now();
    let outcome: 'ok' | 'error' = 'ok';
    try {
      return await evaluate(script, keys, args);
    } catch (fault) {
      outcome = 'error';
      throw asStoreFault(fault);
    } finally {
      observe?.(name, (performance.now() - beganAt) / 1000, outcome);
    }
  };

  async function evaluate(
    { sha, lua }: { readonly sha: string; readonly lua: string },
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown> {
    try {
      return await redis.evalsha(sha, keys.length, ...keys, ...args);
    } catch (fault) {
      if (!(fault instanceof Error && fault.message.startsWith('NOSCRIPT'))) throw fault;
    }
    return redis.eval(lua, keys.length, ...keys, ...args);
  }
}
