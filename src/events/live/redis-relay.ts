import { readRedisScript, type ScriptRunner } from '../redis-script.ts';
import { isAfter, REMEMBERED_MESSAGES, REMEMBERED_MS, type Relay, type RelayListener } from './relay.ts';

type Entry = [id: string, fields: string[]];

/** What of a Redis client is needed. */
interface Commands extends ScriptRunner {
  readonly isCluster: boolean;
  set(key: string, value: string, unit: 'PX', milliseconds: number): Promise<unknown>;
  on(event: 'ready', listener: () => void): unknown;
  xrange(key: string, from: string, to: string): Promise<Entry[]>;
  xrevrange(key: string, to: string, from: string, limit: 'COUNT', most: number): Promise<Entry[]>;
}

/** What goes on listening by itself when its connection was cut. */
interface Subscriptions {
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): void;
  onMessage(listener: (channel: string, message: string) => void): void;
  /** The connection was made anew and listens again: messages may have been told meanwhile. */
  onRenewed(listener: () => void): void;
}

/** One who listens. */
interface Place {
  hear(id: string, message: string): void;
  /** Reads what was told and not heard. Until that has succeeded, what is heard waits. */
  catchUp(): Promise<void>;
}

/** On one slot of a Cluster. */
export interface LiveKeys {
  /** There while somebody listens to the user, and for a day after: where it is not, nothing is told or remembered. */
  readonly listened: string;
  /** The user's stream, and the name of his channel. */
  readonly stream: string;
}

interface Options {
  readonly commands: Commands;
  readonly subscriptions: Subscriptions;
  readonly keysOf: (userId: string) => LiveKeys;
  /** Redis did not take a message, which is lost, or does not say what was missed, which is asked again; nothing else is lost. */
  readonly onLost: (reason: unknown) => void;
  /** That somebody listens is said again so often, in milliseconds, and he catches up with what he did not hear. */
  readonly markEveryMs?: number;
}

/** Whoever comes back later than that after he listened hears nothing of the last minute. */
const LISTENED_MS = 86_400_000;
/**
 * A Redis may lose the marks, with all else: while somebody listens they are made anew. And a message may be told to a
 * connection that is not there any more: the listener of a Cluster's client moves from node to node untold.
 */
const MARK_EVERY_MS = 30_000;
/** Messages of one call: Redis does nothing else meanwhile. */
const ENOUGH_AT_ONCE = 128;

/** Through Redis, so that a stream of events at one instance tells what happens at all of them. */
export function createRedisRelay(options: Options): Relay {
  const { commands, subscriptions, keysOf, onLost, markEveryMs = MARK_EVERY_MS } = options;
  const run = readRedisScript(commands, new URL('./redis-relay.lua', import.meta.url));
  const limits = [REMEMBERED_MS, REMEMBERED_MESSAGES].map(String);
  /** Those of each channel, and the mark that they are there. */
  const listeners = new Map<string, { readonly listened: string; readonly all: Set<Place> }>();
  let marking: NodeJS.Timeout | null = null;
  subscriptions.onMessage((channel, text) => {
    const space = text.indexOf(' ');
    for (const place of listeners.get(channel)?.all ?? [])
      place.hear(text.slice(0, space), text.slice(space + 1));
  });
  subscriptions.onRenewed(catchUpAll);
  // A Redis that was away may have lost the marks. This client makes them, so it is this one that has to be back.
  commands.on('ready', renew);

  const mark = (listened: string) => commands.set(listened, '', 'PX', LISTENED_MS);

  function renew(): void {
    for (const { listened } of listeners.values()) mark(listened).catch(onLost);
    catchUpAll();
  }

  function catchUpAll(): void {
    for (const { all } of listeners.values()) for (const place of all) place.catchUp().catch(onLost);
  }

  /** @param last is the id of the last message that need not be told. */
  function createPlace(stream: string, last: string, listener: RelayListener): Place {
    let readings = 0;
    let isBehind = true;
    const early: [id: string, message: string][] = [];

    function tell(id: string, message: string): void {
      if (!isAfter(id, last)) return;
      last = id;
      listener(id, message);
    }

    return {
      hear(id, message) {
        if (!isBehind) return tell(id, message);
        early.push([id, message]);
        // Redis remembers no more than these either.
        if (early.length > REMEMBERED_MESSAGES) early.shift();
      },

      async catchUp() {
        isBehind = true;
        readings += 1;
        const reading = readings;
        for (const [id, fields] of await commands.xrange(stream, `(${last}`, '+')) tell(id, fields[1] ?? '');
        // One that began later knows of more.
        if (reading !== readings) return;
        for (const [id, message] of early.splice(0)) tell(id, message);
        isBehind = false;
      },
    };
  }

  async function newestOf(stream: string): Promise<string> {
    const [newest] = await commands.xrevrange(stream, '+', '-', 'COUNT', 1);
    return newest?.[0] ?? '0-0';
  }

  async function listen({ listened, stream }: LiveKeys, place: Place): Promise<() => void> {
    const known = listeners.get(stream) ?? { listened, all: new Set() };
    known.all.add(place);
    listeners.set(stream, known);
    marking ??= setInterval(renew, markEveryMs).unref();
    function stop(): void {
      known.all.delete(place);
      if (known.all.size > 0 || listeners.get(stream) !== known) return;
      listeners.delete(stream);
      subscriptions.unsubscribe(stream);
      if (listeners.size > 0 || !marking) return;
      clearInterval(marking);
      marking = null;
    }
    try {
      await subscriptions.subscribe(stream);
      await mark(listened);
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
      const { listened, stream } = keysOf(userId);
      keys.push(listened, stream);
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
      const keys = keysOf(userId);
      const place = createPlace(keys.stream, afterId ?? (await newestOf(keys.stream)), listener);
      // Listening begins before the past is read, so nothing falls in between; ids sort out what comes twice.
      const stop = await listen(keys, place);
      try {
        await place.catchUp();
      } catch (error) {
        stop();
        throw error;
      }
      return stop;
    },
  };
}
