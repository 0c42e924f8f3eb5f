import { readRedisScript, type ScriptRunner } from '../redis-script.ts';
import { isAfter, REMEMBERED_MESSAGES, REMEMBERED_MS, type Relay, type RelayListener } from './relay.ts';

/** What of a Redis client is needed: one for commands, one that does nothing but listen. */
interface Commands extends ScriptRunner {
  readonly isCluster: boolean;
  xrange(key: string, from: string, to: string): Promise<[id: string, fields: string[]][]>;
}

interface Subscriber {
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
}

interface Options {
  readonly commands: Commands;
  /** Its own connection: while it listens it can do nothing else. Subscribes again by itself when it was cut. */
  readonly subscriber: Subscriber;
  /** Key of a user's stream, and name of his channel. */
  readonly keyOf: (userId: string) => string;
  /** Redis did not take a message: it is lost, and nothing else is. */
  readonly onLost: (reason: unknown) => void;
}

/** Messages of one call: Redis does nothing else meanwhile. */
const ENOUGH_AT_ONCE = 128;

/** Through Redis, so that a stream of events at one instance tells what happens at all of them. */
export function createRedisRelay({ commands, subscriber, keyOf, onLost }: Options): Relay {
  const run = readRedisScript(commands, new URL('./redis-relay.lua', import.meta.url));
  const limits = [REMEMBERED_MS, REMEMBERED_MESSAGES].map(String);
  const listeners = new Map<string, Set<RelayListener>>();
  subscriber.on('message', (channel, text) => {
    const space = text.indexOf(' ');
    for (const listener of listeners.get(channel) ?? [])
      listener(text.slice(0, space), text.slice(space + 1));
  });

  async function listen(key: string, listener: RelayListener): Promise<() => void> {
    const known = listeners.get(key);
    const all = known ?? new Set();
    all.add(listener);
    listeners.set(key, all);
    function stop(): void {
      all.delete(listener);
      if (all.size > 0 || listeners.get(key) !== all) return;
      listeners.delete(key);
      subscriber.unsubscribe(key).catch(onLost);
    }
    try {
      await subscriber.subscribe(key);
    } catch (error) {
      stop();
      throw error;
    }
    return stop;
  }

  /** Messages by user that are told at the end of this turn: a sweep has many for one user, a busy service some for many. */
  const gathered = new Map<string, string[]>();

  function tell(): void {
    let keys: string[] = [];
    let told: string[] = [];
    for (const [userId, messages] of gathered) {
      keys.push(keyOf(userId));
      told.push(String(messages.length), ...messages);
      // In a Cluster each user's stream has a slot of its own.
      if (!commands.isCluster && told.length < ENOUGH_AT_ONCE) continue;
      send(keys, told);
      keys = [];
      told = [];
    }
    if (keys.length > 0) send(keys, told);
    gathered.clear();
  }

  function send(keys: readonly string[], told: readonly string[]): void {
    run(keys, [...limits, ...told]).catch(onLost);
  }

  return {
    publish(userId, message) {
      const waiting = gathered.get(userId);
      if (waiting) return void waiting.push(message);
      if (gathered.size === 0) setImmediate(tell);
      gathered.set(userId, [message]);
    },

    async subscribe(userId, afterId, listener) {
      const key = keyOf(userId);
      // Listening begins before the past is read, so nothing falls in between; ids sort out what comes twice.
      let last = afterId;
      const early: [string, string][] = [];
      let live = false;
      function tell(id: string, message: string): void {
        if (last !== null && !isAfter(id, last)) return;
        last = id;
        listener(id, message);
      }
      const stop = await listen(key, (id, message) => {
        if (live) tell(id, message);
        else early.push([id, message]);
      });
      try {
        const past = afterId === null ? [] : await commands.xrange(key, `(${afterId}`, '+');
        for (const [id, fields] of past) tell(id, fields[1] ?? '');
      } catch (error) {
        stop();
        throw error;
      }
      for (const [id, message] of early) tell(id, message);
      live = true;
      return stop;
    },
  };
}
