import { randomUUID } from 'node:crypto';
import type {
  Accounts,
  Concatenation,
  DueSessions,
  KnownAccounts,
  PartList,
  SessionDirectory,
  SessionStore,
} from '../../../src/core/ports.ts';
import { newSessionId, shardOfUser } from '../../../src/core/session-id.ts';

export type SessionStorePorts = SessionStore &
  Concatenation &
  Accounts &
  KnownAccounts &
  DueSessions &
  SessionDirectory &
  PartList;

/**
 * One empty session store and a clock that can be pushed forward. All times that go into and come out of
 * `store` are on that clock, so a test never sees how an adapter does it. `MakeHarness` is called once per test.
 */
export interface SessionStoreHarness {
  readonly store: SessionStorePorts;
  /** Milliseconds since the epoch on the store's clock. It also runs by itself where the clock is real. */
  now(): Promise<number>;
  /** Push the clock forward, 1 or more whole milliseconds. */
  advance(ms: number): Promise<void>;
  /** Lose the cached account and its reservations, as a failover or an eviction would; where that can happen. */
  loseAccount?(userId: string): Promise<void>;
  /** Names of keys that nothing would ever remove by itself; where keys have a TTL. */
  keysWithoutTtl?(): Promise<string[]>;
  /** Remove what the test made and release what is open. */
  close(): Promise<void>;
}

export type MakeHarness = () => Promise<SessionStoreHarness>;

const ID_KEY = new TextEncoder().encode('a key for tests, nothing hangs on it');

/** What a composition root would pass to a store as its `shardOf`. */
export function shardOf(userId: string): string {
  return shardOfUser(ID_KEY, userId);
}

export function newUser(): string {
  return randomUUID();
}

/** A session id that carries the user's shard. */
export function sessionIdFor(userId: string): string {
  return newSessionId(shardOf(userId));
}
