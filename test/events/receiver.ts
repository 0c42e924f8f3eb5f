import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { freePort } from '../../scripts/lib/servers/free-port.ts';

interface Received {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type Answer = (response: ServerResponse, request: Received) => void;

/** A webhook receiver on loopback that answers as it is told, and 204 until then. */
export interface Receiver {
  readonly url: string;
  readonly port: number;
  readonly received: readonly Received[];
  /** TCP connections, whether a request came or not, and the bytes that came on them. */
  readonly connections: () => number;
  readonly bytes: () => number;
  answerWith(answer: Answer): void;
  /** Resolves when that many requests have come since the start. */
  until(count: number): Promise<void>;
  /** Refuse connections from now on; `comeBack` on the same port. */
  leave(): Promise<void>;
  comeBack(): Promise<void>;
  close(): Promise<void>;
}

export async function startReceiver(host = '127.0.0.1'): Promise<Receiver> {
  const received: Received[] = [];
  let answer: Answer = (response) => response.writeHead(204).end();
  let waiting: { count: number; resolve: () => void }[] = [];
  let connections = 0;
  let bytes = 0;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    const one = { path: request.url ?? '', headers, body: Buffer.concat(chunks).toString() };
    received.push(one);
    answer(response, one);
    for (const { resolve } of waiting.filter(({ count }) => received.length >= count)) resolve();
    waiting = waiting.filter(({ count }) => received.length < count);
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  server.on('connection', (socket) => {
    connections += 1;
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
  });

  async function listen(port: number): Promise<void> {
    server.listen(port, host);
    await once(server, 'listening');
  }
  async function leave(): Promise<void> {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  const port = await freePort();
  await listen(port);
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}/hook?from=sluice`,
    port,
    received,
    connections: () => connections,
    bytes: () => bytes,
    answerWith: (next) => {
      answer = next;
    },
    until: (count) =>
      new Promise((resolve) => {
        if (received.length >= count) resolve();
        else waiting.push({ count, resolve });
      }),
    leave,
    comeBack: () => listen(port),
    close: async () => {
      if (server.listening) await leave();
    },
  };
}
