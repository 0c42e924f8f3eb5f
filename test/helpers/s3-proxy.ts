import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { testS3 } from './s3.ts';

/** What the proxy does with one request. */
export type Mischief =
  | 'pass'
  /** S3 does as it was told, but its answer never arrives: the connection is cut instead. */
  | 'swallow'
  /** Neither S3 nor the client hears anything more. */
  | 'hang'
  /** S3 is not asked. */
  | { readonly status: number; readonly body: string };

export interface S3Proxy {
  readonly endpoint: string;
  /** Requests that came, as `METHOD path?query`. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/** Stands between the store and the S3 server of the tests, and does mischief. */
export async function startS3Proxy(mischief: (request: IncomingMessage) => Mischief): Promise<S3Proxy> {
  const upstream = new URL(testS3().endpoint);
  const requests: string[] = [];
  const server = createServer((incoming, answer) => {
    requests.push(`${incoming.method} ${incoming.url}`);
    const deed = mischief(incoming);
    incoming.on('error', () => {});
    if (deed === 'hang') return;
    if (typeof deed === 'object') {
      incoming.resume();
      incoming.once('end', () => {
        answer.writeHead(deed.status, { 'content-type': 'application/xml' });
        answer.end(deed.body);
      });
      return;
    }
    const { method, url, headers } = incoming;
    const target = { host: upstream.hostname, port: upstream.port, path: url };
    const outgoing = request({ ...target, method, headers }, (reply) => {
      if (deed === 'swallow') {
        reply.resume();
        reply.once('end', () => incoming.socket.destroy());
        return;
      }
      answer.writeHead(reply.statusCode ?? 500, reply.headers);
      reply.pipe(answer);
    });
    outgoing.on('error', () => incoming.socket.destroy());
    // A body that was cut short would leave S3 waiting for the rest of it.
    incoming.once('close', () => {
      if (!incoming.complete) outgoing.destroy();
    });
    incoming.pipe(outgoing);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
