import type { Row } from '../sql/columns.ts';
import { type Connection, openConnection, type Parameter } from './connection.ts';
import { type Deadline, startDeadline } from './deadline.ts';
import { isConnectionFault, keepsConnection, translateFault, unavailable } from './faults.ts';

/**
 * Invariant E: an answer within two seconds, whatever PostgreSQL does. A server that works but is held up by
 * a lock gives up by its own timeouts, which come first, so the connection stays in step and is kept. One that
 * does not answer at all runs into our deadline, and its connection is cut off: nobody waits for it again.
 */
const DEADLINE_MS = 1_500;
/** So much earlier. */
const STATEMENT_LEAD_MS = 200;
const LOCK_LEAD_MS = 500;

export type Query = (text: string, parameters: readonly Parameter[]) => Promise<readonly Row[]>;

export interface PoolOptions {
  readonly databaseUrl: string;
  readonly maxConnections: number;
  /** Runs before the first operation; where it fails, again before the next one. */
  readonly prepare: () => Promise<void>;
  /** How long an operation may take, in milliseconds. */
  readonly deadlineMs?: number | undefined;
}

/** A bounded number of connections, and one deadline for each operation on them. */
export interface Pool {
  /**
   * Run `work` on a connection of its own. It must be safe to repeat: where a connection turns out to be dead
   * it is run once more, on a new one. Throws `LEDGER_UNAVAILABLE` within `deadlineMs`.
   */
  operation<T>(work: (query: Query) => Promise<T>): Promise<T>;
  /** Lets running operations end. Those that come later fail. Idempotent. */
  close(): Promise<void>;
}

export function createPool(options: PoolOptions): Pool {
  const { databaseUrl, maxConnections, prepare, deadlineMs = DEADLINE_MS } = options;
  const open = new Set<Connection>();
  const idle: Connection[] = [];
  const waiting = new Set<(connection: Connection) => void>();
  const closed = Promise.withResolvers<void>();
  let closing = false;
  let running = 0;
  let prepared: Promise<void> | null = null;

  function ready(): Promise<void> {
    prepared ??= prepare().catch((error: unknown) => {
      prepared = null;
      throw error;
    });
    return prepared;
  }

  function connect(): Connection {
    const connection = openConnection({
      databaseUrl,
      statementTimeoutMs: deadlineMs - STATEMENT_LEAD_MS,
      lockTimeoutMs: deadlineMs - LOCK_LEAD_MS,
      // One that is in use is discarded by the operation that uses it.
      onClosed: () => {
        const place = idle.indexOf(connection);
        if (place < 0) return;
        idle.splice(place, 1);
        discard(connection);
      },
    });
    open.add(connection);
    return connection;
  }

  function take(deadline: Deadline): Connection | Promise<Connection> {
    const rested = idle.pop();
    if (rested) return rested;
    if (open.size < maxConnections) return connect();
    return new Promise((resolve, reject) => {
      waiting.add(resolve);
      deadline.signal.addEventListener('abort', () => {
        if (waiting.delete(resolve)) reject(deadline.signal.reason);
      });
    });
  }

  function handOn(connection: Connection): void {
    const [next] = waiting;
    if (next) {
      waiting.delete(next);
      next(connection);
    } else {
      idle.push(connection);
    }
  }

  function discard(connection: Connection): void {
    connection.destroy();
    open.delete(connection);
    if (waiting.size > 0) handOn(connect());
  }

  async function takeLeave(): Promise<void> {
    await Promise.allSettled(idle.splice(0).map((connection) => connection.close()));
    closed.resolve();
  }

  async function attempt<T>(work: (query: Query) => Promise<T>, deadline: Deadline): Promise<T> {
    const connection = await take(deadline);
    try {
      const result = await work((text, parameters) => deadline.race(connection.query(text, parameters)));
      handOn(connection);
      return result;
    } catch (error) {
      if (keepsConnection(error)) handOn(connection);
      else discard(connection);
      throw error;
    }
  }

  return {
    async operation(work) {
      if (closing) throw unavailable(new Error('the pool is closed'));
      running += 1;
      const deadline = startDeadline(deadlineMs, () => unavailable(new Error('no answer in time')));
      try {
        await deadline.race(ready());
        return await attempt(work, deadline).catch((error: unknown) => {
          if (!isConnectionFault(error)) throw error;
          return attempt(work, deadline);
        });
      } catch (error) {
        throw translateFault(error);
      } finally {
        deadline.clear();
        running -= 1;
        if (closing && running === 0) takeLeave();
      }
    },

    close() {
      if (!closing && running === 0) takeLeave();
      closing = true;
      return closed.promise;
    },
  };
}
