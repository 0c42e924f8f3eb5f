import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** What of a Redis client is needed to run scripts. */
export interface ScriptRunner {
  evalsha(digest: string, keys: number, ...parameters: string[]): Promise<unknown>;
  eval(script: string, keys: number, ...parameters: string[]): Promise<unknown>;
}

/** A script by its digest; in full only where the server does not know it (any more). */
export function readRedisScript(redis: ScriptRunner, file: URL) {
  const script = readFileSync(file, 'utf8');
  const digest = createHash('sha1').update(script).digest('hex');

  return async function run(keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const parameters = [...keys, ...args];
    try {
      return await redis.evalsha(digest, keys.length, ...parameters);
    } catch (fault) {
      if (!(fault instanceof Error && fault.message.startsWith('NOSCRIPT'))) throw fault;
    }
    return redis.eval(script, keys.length, ...parameters);
  };
}
