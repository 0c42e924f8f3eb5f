import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { SluiceError } from '../core/errors.ts';
import type { Scanner, ScanVerdict } from '../core/ports.ts';

/**
 * A file, streamed to clamd (man 8 clamd, INSTREAM): the command, then chunks, each behind its length in four
 * bytes, then a length of zero; the answer is `stream: OK` or `stream: <signature> FOUND`. clamd gives up on a
 * stream that is longer than its `StreamMaxLength`, and says so while it is still being sent.
 */
const COMMAND = 'zINSTREAM\0';
const END = Buffer.alloc(4);
/** Milliseconds to be connected: where clamd is away, its user is told within two seconds (invariant E). */
const CONNECT_TIMEOUT_MS = 1500;
/** Answers are one short line. */
const MAX_ANSWER = 4096;

export interface ClamdOptions {
  readonly host: string;
  readonly port: number;
  /** Milliseconds without any progress after which clamd counts as away. */
  readonly timeoutMs: number;
}

export function createClamdScanner(options: ClamdOptions): Scanner {
  return {
    async scan(_sessionId, bytes) {
      const socket = connect({ host: options.host, port: options.port });
      const conversation = converse(socket, options.timeoutMs);
      try {
        await conversation.connected;
        await stream(bytes, socket, conversation);
        return verdictOf(await conversation.answer);
      } catch (fault) {
        if (fault instanceof SluiceError) throw fault;
        throw away(fault);
      } finally {
        socket.destroy();
      }
    },
  };
}

interface Conversation {
  readonly connected: Promise<void>;
  /** What clamd said, until it closed. */
  readonly answer: Promise<string>;
  /** Aborted when it has said something, or is gone: nothing more needs to be sent. */
  readonly over: AbortSignal;
}

function converse(socket: Socket, timeoutMs: number): Conversation {
  const connected = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<string>();
  const over = new AbortController();
  let said = '';
  const fail = (fault: Error) => {
    connected.reject(fault);
    answer.reject(fault);
    over.abort();
    socket.destroy();
  };
  socket.setTimeout(CONNECT_TIMEOUT_MS, () => fail(new Error('clamd does not answer in time')));
  socket.once('connect', () => {
    socket.setTimeout(timeoutMs);
    connected.resolve();
  });
  socket.on('error', fail);
  socket.on('data', (chunk) => {
    said += chunk.toString('latin1');
    over.abort();
    if (said.includes('\0') || said.length > MAX_ANSWER) answer.resolve(said);
  });
  socket.on('close', () => {
    over.abort();
    if (said === '') fail(new Error('clamd closed the connection without an answer'));
    else answer.resolve(said);
  });
  // Whoever waits hears of it; nobody may be waiting yet.
  connected.promise.catch(() => {});
  answer.promise.catch(() => {});
  return { connected: connected.promise, answer: answer.promise, over: over.signal };
}

async function stream(
  bytes: AsyncIterable<Uint8Array>,
  socket: Socket,
  { over }: Conversation,
): Promise<void> {
  socket.write(COMMAND);
  for await (const chunk of bytes) {
    if (over.aborted) return;
    const length = Buffer.alloc(4);
    length.writeUInt32BE(chunk.length);
    socket.cork();
    socket.write(length);
    // Copied: clamd may take it only after its owner has filled the buffer anew.
    const flowing = socket.write(Buffer.from(chunk));
    socket.uncork();
    if (!flowing) await once(socket, 'drain', { signal: over }).catch(ifOver(over));
  }
  if (!over.aborted) socket.write(END);
}

/** Waiting that ended because nothing more is to be sent is no fault. */
function ifOver(over: AbortSignal): (fault: unknown) => void {
  return (fault) => {
    if (!over.aborted) throw fault;
  };
}

function verdictOf(answer: string): ScanVerdict {
  const text = answer.replace(/\0.*$/s, '').trim();
  const [, signature] = /^stream: (.+) FOUND$/.exec(text) ?? [];
  if (signature !== undefined) return { kind: 'infected', signature };
  if (text === 'stream: OK') return { kind: 'clean' };
  throw away(new Error(`clamd said: ${text.slice(0, 200)}`));
}

function away(cause: unknown): SluiceError {
  return new SluiceError(
    'STORAGE_UNAVAILABLE',
    'The file cannot be checked for malware now. It is kept: repeat the last request in a moment.',
    { cause, retryAfterSeconds: 5 },
  );
}
