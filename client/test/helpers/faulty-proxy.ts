import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * What happens to a connection that is made from now on.
 *
 * - `cut`: it is reset after a random number of bytes, in one direction or the other: a request loses its tail,
 *   or an answer is lost after the request was carried out.
 * - `hold`: it may send so many bytes to the service, the rest waits: an upload stands still in the middle for as
 *   long as a test needs, while other requests go through.
 */
export type Fault =
  | { readonly kind: 'none' }
  | { readonly kind: 'cut'; readonly random: () => number; readonly maxBytes: number }
  | { readonly kind: 'hold'; readonly bytes: number }
  | { readonly kind: 'refuse' };

export interface FaultyProxy {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Connections cut so far. */
  readonly cuts: number;
  /** Sets the fault for new connections; those there are, idle ones of a pool too, are ended. */
  set(fault: Fault): void;
  close(): Promise<void>;
}

/** @param target port of the service, asked for at each connection. */
export async function startFaultyProxy(target: () => number): Promise<FaultyProxy> {
  const sockets = new Set<Socket>();
  let fault: Fault = { kind: 'none' };
  let cuts = 0;

  const server = createServer((client) => {
    const now = fault;
    if (now.kind === 'refuse') return void client.resetAndDestroy();
    const service = connect(target(), '127.0.0.1');
    for (const socket of [client, service]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    const cut = () => {
      cuts += 1;
      reset(client);
      reset(service);
    };
    const loosesAnswer = now.kind === 'cut' && now.random() < 0.25;
    let up = Number.POSITIVE_INFINITY;
    let down = Number.POSITIVE_INFINITY;
    if (now.kind === 'hold') up = now.bytes;
    if (now.kind === 'cut' && !loosesAnswer) up = Math.floor(now.random() * now.maxBytes);
    if (now.kind === 'cut' && loosesAnswer) down = Math.floor(now.random() * 600);
    carry(client, service, up, now.kind === 'hold' ? () => client.pause() : cut);
    carry(service, client, down, cut);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  function endAll(): void {
    for (const socket of sockets) reset(socket);
  }

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cuts() {
      return cuts;
    },
    set(next) {
      fault = next;
      endAll();
    },
    async close() {
      endAll();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A socket that is ending already cannot be reset: Node 26 would then wait for it for ever when it exits. */
function reset(socket: Socket): void {
  if (socket.writableEnded || socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}

/** Carries bytes over; what lies past `budget` does not pass, and `spent` is called instead. */
function carry(from: Socket, to: Socket, budget: number, spent: () => void): void {
  let left = budget;
  from.on('data', (bytes: Buffer) => {
    const passed = bytes.subarray(0, left);
    left -= passed.length;
    if (passed.length < bytes.length) {
      if (passed.length === 0 || to.destroyed) spent();
      else to.write(passed, spent);
    } else if (!to.write(passed)) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  });
  from.on('end', () => to.end());
  from.on('close', () => to.destroy());
}
