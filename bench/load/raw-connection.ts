import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawRequest {
  readonly method: string;
  /** Path, or a whole URL of the same server. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  /** Pieces of the body, one after another; a piece may come again. */
  readonly body?: readonly Uint8Array[];
}

export interface RawAnswer {
  readonly status: number;
  /** Value of a header, or null. */
  header(name: string): string | null;
  readonly body: string;
}

/**
 * HTTP/1.1 by hand over one connection, one request after another: the client shares the processor with what it
 * measures, and Node's own would take more of it than some of the servers do.
 */
export interface RawConnection {
  send(request: RawRequest): Promise<RawAnswer>;
  close(): void;
}

export async function openRawConnection(url: string): Promise<RawConnection> {
  const { hostname, port, host } = new URL(url);
  let socket = await dial(hostname, Number(port));

  return {
    async send({ method, path, headers = {}, body = [] }) {
      if (socket.destroyed || socket.readableEnded) socket = await dial(hostname, Number(port));
      const length = body.reduce((sum, piece) => sum + piece.length, 0);
      const bodyless = length === 0 && (method === 'GET' || method === 'DELETE');
      const all = { Host: host, ...(bodyless ? {} : { 'Content-Length': length }), ...headers };
      const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
      const answer = readAnswer(socket);
      // A refusal may come while bytes are still sent: it is what is told then.
      answer.catch(() => {});
      const target = path.startsWith('http') ? path.slice(path.indexOf('/', 8)) : path;
      socket.cork();
      socket.write(`${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
      for (const piece of body) {
        const room = socket.write(piece);
        if (socket.writableCorked > 0) socket.uncork();
        if (!room && (await drained(socket)) === 'answered') break;
      }
      if (socket.writableCorked > 0) socket.uncork();
      return answer;
    },
    close: () => void socket.destroy(),
  };
}

/** Until there is room again, or there is no sense in sending more: the server answers early, or hangs up. */
function drained(socket: Socket): Promise<'room' | 'answered'> {
  const { promise, resolve } = Promise.withResolvers<'room' | 'answered'>();
  const onDrain = () => settle('room');
  const onOther = () => settle('answered');
  function settle(what: 'room' | 'answered'): void {
    socket.off('drain', onDrain).off('close', onOther).off('data', onOther);
    resolve(what);
  }
  socket.on('drain', onDrain).on('close', onOther).on('data', onOther);
  return promise;
}

async function dial(hostname: string, port: number): Promise<Socket> {
  const socket = connect({ host: hostname, port, noDelay: true });
  await once(socket, 'connect');
  socket.on('error', () => {});
  return socket;
}

/** One answer with `Content-Length`, without a body, in chunks, or up to the end of the connection. */
function readAnswer(socket: Socket): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  let said = '';

  function look(ended: boolean): void {
    let headEnd = said.indexOf('\r\n\r\n');
    while (headEnd >= 0 && / 1\d\d /.test(said.slice(0, 13))) {
      said = said.slice(headEnd + 4);
      headEnd = said.indexOf('\r\n\r\n');
    }
    if (headEnd < 0) {
      if (ended) finish(null);
      return;
    }
    const head = said.slice(0, headEnd);
    const header = (name: string) => new RegExp(`^${name}: *(.*)$`, 'im').exec(head)?.[1] ?? null;
    const status = Number(head.slice(9, 12));
    const rest = said.slice(headEnd + 4);
    const length = header('content-length');
    const chunked = header('transfer-encoding') !== null;
    if (length !== null && rest.length < Number(length)) return;
    if (chunked && !rest.endsWith('0\r\n\r\n')) return;
    if (length === null && !chunked && status !== 204 && status !== 304 && !ended) return;
    if (header('connection')?.toLowerCase() === 'close') socket.destroy();
    finish({ status, header, body: rest });
  }

  function onData(piece: Buffer): void {
    said += piece.toString('latin1');
    look(false);
  }
  function onEnd(): void {
    look(true);
  }
  function finish(answer: RawAnswer | null): void {
    socket.off('data', onData).off('close', onEnd).off('end', onEnd);
    if (answer) resolve(answer);
    else reject(new Error('the connection was closed before the answer'));
  }
  socket.on('data', onData).on('close', onEnd).on('end', onEnd);
  return promise;
}
