import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below what Linux (from 32768), macOS and Windows (from 49152) give to whoever asks for any port: neither a
 * connection nor a server on port 0 takes one of these, not even while its own server is down.
 */
const FIRST = 20_000;
const LAST = 32_767;

/**
 * A loopback port that is the caller's for as long as this process lives: nobody listens there, and no other process
 * that asks here is given it.
 *
 * @throws Error where none is free.
 */
export async function freePort(): Promise<number> {
  const count = LAST - FIRST + 1;
  const from = Math.floor(Math.random() * count);
  for (let n = 0; n < count; n += 1) {
    const port = FIRST + ((from + n) % count);
    if ((await claim(port)) && (await isUnused(port))) return port;
  }
  throw new Error(`No port from ${FIRST} to ${LAST} is free.`);
}

/**
 * Between the question and the server's start somebody else may ask, in another process: the port's UDP side, which no
 * server here has a use for, is bound until the end of this one. The kernel gives it once, and takes it back.
 */
async function claim(port: number): Promise<boolean> {
  const socket = createSocket('udp4').unref();
  try {
    socket.bind({ port, address: '127.0.0.1', exclusive: true });
    await once(socket, 'listening');
    return true;
  } catch {
    socket.close();
    return false;
  }
}

async function isUnused(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    if (server.listening) {
      server.close();
      await once(server, 'close');
    }
  }
}
