import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands between a client and a server, and can let their connections go dead without a word. */
export interface DeadLineProxy {
  readonly port: number;
  /** From now on nothing passes on the connections there are, and nobody is told. New ones work. */
  cutSilently(): void;
  close(): Promise<void>;
}

export async function startDeadLineProxy(serverPort: number): Promise<DeadLineProxy> {
  const sockets = new Set<Socket>();
  let lines: { dead: boolean }[] = [];

  const proxy = createServer((client) => {
    const server = connect(serverPort, '127.0.0.1');
    const line = { dead: false };
    lines.push(line);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => {
        if (!line.dead) to.write(bytes);
      });
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        if (!line.dead) to.destroy();
      });
    }
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');

  return {
    port: (proxy.address() as AddressInfo).port,
    cutSilently: () => {
      for (const line of lines) line.dead = true;
      lines = [];
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
