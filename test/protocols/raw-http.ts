import { connect, type Socket } from 'node:net';

/** An HTTP client that does what no library lets one do: send half, send wrong, read early, hang up. */
export interface RawClient {
  readonly socket: Socket;
  send(bytes: string | Uint8Array): Promise<void>;
  /** The next answer that is final. Rejects where the connection ends without one. */
  answer(request?: { readonly head?: boolean }): Promise<RawAnswer>;
  /** Statuses of the 1xx answers so far, and their headers. */
  readonly interim: number[];
  readonly interimHeaders: Record<string, string>[];
  /** Resolves when the server has closed or reset the connection. */
  readonly closed: Promise<void>;
  /** Close our side: the server still gets all that was sent. */
  hangUp(): void;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The text as JSON. */
  json(): Record<string, unknown>;
}

/** Ends a test that hangs, on a machine that may be busy. */
const DEADLINE_MS = 60_000;

export function rawClient(port: number): RawClient {
  const socket = connect(port, '127.0.0.1');
  const interim: number[] = [];
  const interimHeaders: Record<string, string>[] = [];
  let buffer: Buffer = Buffer.alloc(0);
  let over = false;
  let wake = () => {};
  socket.on('data', (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk]);
    wake();
  });
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => {
    const end = () => {
      over = true;
      wake();
      resolve();
    };
    socket.on('end', end);
    socket.on('close', end);
  });

  async function more(): Promise<void> {
    if (over) throw new Error(`the connection ended within an answer: ${buffer.toString()}`);
    const late = AbortSignal.timeout(DEADLINE_MS);
    await new Promise<void>((resolve, reject) => {
      wake = resolve;
      late.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true });
    });
  }

  return {
    socket,
    interim,
    interimHeaders,
    closed,
    hangUp: () => void socket.end(),

    send: (bytes) =>
      new Promise((resolve) => {
        socket.write(typeof bytes === 'string' ? Buffer.from(bytes) : bytes, () => resolve());
      }),

    async answer({ head = false } = {}) {
      for (;;) {
        let end = buffer.indexOf('\r\n\r\n');
        while (end === -1) {
          await more();
          end = buffer.indexOf('\r\n\r\n');
        }
        const [statusLine = '', ...lines] = buffer.subarray(0, end).toString('latin1').split('\r\n');
        buffer = buffer.subarray(end + 4);
        const status = Number(statusLine.split(' ')[1]);
        const headers = Object.fromEntries(
          lines.map((line) => {
            const colon = line.indexOf(':');
            return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
          }),
        );
        if (status < 200) {
          interim.push(status);
          interimHeaders.push(headers);
          continue;
        }
        const length = head || status === 204 ? 0 : Number(headers['content-length'] ?? 0);
        while (buffer.length < length) await more();
        const text = buffer.subarray(0, length).toString();
        buffer = buffer.subarray(length);
        return { status, headers, text, json: () => JSON.parse(text) as Record<string, unknown> };
      }
    },
  };
}

export function head(
  method: string,
  target: string,
  headers: Readonly<Record<string, string | number>> = {},
): string {
  const lines = Object.entries({ host: 'test', ...headers }).map(([name, value]) => `${name}: ${value}`);
  return `${[`${method} ${target} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n`;
}

/** One request on a connection of its own, read to its answer. */
export async function exchange(
  port: number,
  method: string,
  target: string,
  headers: Readonly<Record<string, string | number>> = {},
  body: Uint8Array | null = null,
): Promise<RawAnswer> {
  const client = rawClient(port);
  const chunkedBody = 'transfer-encoding' in headers;
  const length = body === null || chunkedBody ? {} : { 'content-length': body.length };
  void client.send(head(method, target, { ...length, ...headers }));
  if (body !== null) void client.send(body);
  try {
    return await client.answer({ head: method === 'HEAD' });
  } finally {
    client.socket.destroy();
  }
}

/** A body in chunks (RFC 9112, section 7.1), with its end or without. */
export function chunked(bytes: Uint8Array, options: { readonly size?: number; readonly end?: boolean } = {}) {
  const { size = 16_384, end = true } = options;
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), Buffer.from(piece), Buffer.from('\r\n'));
  }
  if (end) parts.push(Buffer.from('0\r\n\r\n'));
  return Buffer.concat(parts);
}
