import { chunked, head, type RawAnswer, type RawClient, rawClient } from '../protocols/raw-http.ts';
import { type Asked, checkAnswer, ORIGIN } from './answers.ts';

export type Headers = Readonly<Record<string, string | number>>;

/** A connection that sends what it is told to, as a page of another origin; every answer is checked. */
export interface Line {
  readonly raw: RawClient;
  /** Send the head of a request, and of its body what is to be there with it. Earlier ones need not be answered. */
  begin(method: string, target: string, headers?: Headers, body?: Uint8Array): Promise<void>;
  send(bytes: string | Uint8Array): Promise<void>;
  /** The answer to the oldest request that has none yet. */
  answer(): Promise<RawAnswer>;
  /** Reset the connection. */
  cut(): void;
}

export function openLine(port: number): Line {
  const raw = rawClient(port);
  const asked: Asked[] = [];
  return {
    raw,
    send: raw.send,
    cut: () => raw.socket.resetAndDestroy(),
    async begin(method, target, headers = {}, body = Buffer.alloc(0)) {
      asked.push({ method, headers });
      const sent = Buffer.from(head(method, target, { origin: ORIGIN, ...headers }));
      await raw.send(Buffer.concat([sent, body]));
    },
    async answer() {
      const oldest = asked.shift();
      if (!oldest) throw new Error('nothing was asked');
      const answer = await raw.answer({ head: oldest.method === 'HEAD' });
      checkAnswer(oldest, answer);
      return answer;
    },
  };
}

/** One request on a line of its own, to its answer. A `Transfer-Encoding` header sends the body in chunks. */
export async function ask(
  port: number,
  method: string,
  target: string,
  headers: Headers = {},
  body: Uint8Array | null = null,
): Promise<RawAnswer> {
  const line = openLine(port);
  const inChunks = 'transfer-encoding' in headers;
  const length = body === null || inChunks ? {} : { 'content-length': body.length };
  try {
    // The answer may come, and the line be closed, before all is sent.
    void line.begin(method, target, { ...length, ...headers });
    if (body !== null) void line.send(inChunks ? chunked(body) : body);
    return await line.answer();
  } finally {
    line.raw.socket.destroy();
  }
}
