import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands before a server and lets replies disappear: what was asked is done, and nobody hears of it. */
export interface SwallowingProxy {
  readonly port: number;
  readonly swallowed: () => number;
  /** The next reply on each connection there is never arrives, and the connection is cut. */
  swallow(): void;
  close(): Promise<void>;
}

export async function startSwallowingProxy(serverPort: number): Promise<SwallowingProxy> {
  const sockets = new Set<Socket>();
  const lines = new Set<{ swallows: boolean }>();
  let swallowed = 0;
  const proxy = createServer((client) => {
    const server = connect(serverPort, '127.0.0.1');
    const line = { swallows: false };
    lines.add(line);
    const cut = () => {
      client.destroy();
      server.destroy();
      lines.delete(line);
    };
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', cut);
      socket.on('close', () => {
        sockets.delete(socket);
        cut();
      });
    }
    client.on('data', (bytes) => server.write(bytes));
    server.on('data', (bytes) => {
      if (!line.swallows) {
        client.write(bytes);
        return;
      }
      swallowed += 1;
      cut();
    });
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    port: (proxy.address() as AddressInfo).port,
    swallowed: () => swallowed,
    swallow() {
      for (const line of lines) line.swallows = true;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
