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
  'lease',
  'due',
  'due-users',
  'forget',
  'take-permit',
] as const;

export type ScriptName = (typeof NAMES)[number];

/** Run a script in one round trip; a second one only where the server does not know it (any more). */
export type RunScript = (
  name: ScriptName,
  keys: readonly string[],
  args: readonly string[],
) => Promise<unknown>;

/** Reads the scripts from disk, next to this module, each with shared.lua in front of it. */
export function loadScripts(redis: RedisClient): RunScript {
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
    try {
      return await redis.evalsha(script.sha, keys.length, ...keys, ...args);
    } catch (fault) {
      if (!(fault instanceof Error && fault.message.startsWith('NOSCRIPT'))) throw asStoreFault(fault);
    }
    try {
      return await redis.eval(script.lua, keys.length, ...keys, ...args);
    } catch (fault) {
      throw asStoreFault(fault);
    }
  };
}
