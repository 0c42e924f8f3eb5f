import { connect, type Socket } from 'node:net';
import postgres from 'postgres';
import type { Row } from '../sql/columns.ts';
import { dial, encrypt, readPlace } from './dial.ts';
import { safeInteger } from './safe-integer.ts';

/** Idle connections are closed after this, in seconds. */
const IDLE_SECONDS = 300;
/** The system asks a silent peer whether it is still there, in seconds. */
const KEEP_ALIVE_SECONDS = 10;
/** What a client that hangs in a transaction may keep others waiting; ours never leaves one open. */
const IDLE_IN_TRANSACTION_MS = 5_000;
const GOODBYE_SECONDS = 1;
const OID_BIGINT = 20;

export type Parameter = string | number | null;

/** One connection, made with the first statement. Not for concurrent use. */
export interface Connection {
  /** Prepared once per connection and text. */
  query(text: string, parameters: readonly Parameter[]): Promise<readonly Row[]>;
  /** Run `work` in one transaction on this connection. */
  transaction(work: (run: (text: string) => Promise<readonly Row[]>) => Promise<void>): Promise<void>;
  /** Let what is running end, for a second at most, and take leave. */
  close(): Promise<void>;
  /** Cut it off, whatever it is waiting for. What runs on it fails. Idempotent. */
  destroy(): void;
}

export interface ConnectionOptions {
  readonly databaseUrl: string;
  /** The server gives up on a statement, or on the wait for a lock, after this. */
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  /** It was closed, by whichever side. */
  readonly onClosed?: () => void;
}

/**
 * The library's own pool cannot break off a connection to a server that hangs, and queues statements behind
 * one another on the same connection. So it is used for one connection, whose socket we keep.
 */
export function openConnection(options: ConnectionOptions): Connection {
  const { url, security } = readPlace(options.databaseUrl);
  let socket: Socket | null = null;
  let destroyed = false;
  let attempts = 0;

  const settings = {
    max: 1,
    max_pipeline: 1,
    backoff: () => 0,
    fetch_types: false,
    idle_timeout: IDLE_SECONDS,
    keep_alive: KEEP_ALIVE_SECONDS,
    types: { bigint: { to: OID_BIGINT, from: [OID_BIGINT], serialize: String, parse: safeInteger } },
    onnotice: () => {},
    onclose: () => options.onClosed?.(),
    connection: {
      application_name: 'sluice',
      statement_timeout: options.statementTimeoutMs,
      lock_timeout: options.lockTimeoutMs,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    },
    ssl: false,
    socket: async (at: Address) => {
      if (destroyed) throw cutOff();
      const [host, port] = serverOf(at, attempts);
      attempts += 1;
      socket = at.path ? connect(at.path) : dial(host, port);
      // Where it is lost before the library listens, or after it has ceased to.
      socket.on('error', () => {});
      if (!security || at.path) return socket;
      const secured = await encrypt(socket, host, security);
      socket = secured;
      if (!destroyed) return secured;
      secured.destroy();
      throw cutOff();
    },
  };
  const sql = postgres(url, settings);

  return {
    query: async (text, parameters) => sql.unsafe(text, [...parameters], { prepare: true }),

    transaction: async (work) => {
      await sql.begin((transaction) => work(async (text) => transaction.unsafe(text)));
    },

    close: () => sql.end({ timeout: GOODBYE_SECONDS }),

    destroy() {
      if (destroyed) return;
      destroyed = true;
      // It rejects what is still running; the socket's own end would wait for the server.
      sql.end({ timeout: 0 }).catch(() => {});
      socket?.destroy();
    },
  };
}

/** As the library parsed the address: several hosts where the URL names several. */
interface Address {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path: string | false;
}

/** Host and port of this attempt. */
function serverOf({ host, port, path }: Address, attempt: number): [string, number] {
  const index = attempt % host.length;
  const [name, number] = [host[index], port[index]];
  if (path) return ['', 0];
  if (name === undefined || number === undefined) throw new Error('the database address names no host');
  return [name, number];
}

function cutOff(): Error {
  return Object.assign(new Error('the connection was cut off'), { code: 'ECONNABORTED' });
}
