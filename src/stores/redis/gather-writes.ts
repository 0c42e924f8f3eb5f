import type { Socket } from 'node:net';
import type { Cluster, Redis } from 'ioredis';

/**
 * So many commands leave in one write. More, and Redis and this process take turns: Redis answers none of a write's
 * commands before it has done them all, and where it has those of all requests there is nothing left to do here.
 */
const TOGETHER = 8;

/**
 * Commands of requests that are handled in one turn of the event loop leave together, not in a write each: under
 * load the system calls for them are a third of what a request costs, and Redis too reads and answers them together.
 * A turn that has fewer of them sends them at its end, so nothing waits.
 */
export function gatherWrites(redis: Redis | Cluster): void {
  if (redis.isCluster) redis.on('+node', (node: Redis) => gatherWritesOf(node));
  else gatherWritesOf(redis as Redis);
}

function gatherWritesOf(redis: Redis): void {
  const send = redis.sendCommand.bind(redis);
  let corked: Socket | null = null;
  let gathered = 0;
  redis.sendCommand = (command, stream) => {
    if (corked === null && redis.status === 'ready') {
      const socket = redis.stream;
      corked = socket;
      gathered = 0;
      socket.cork();
      setImmediate(() => {
        corked = null;
        socket.uncork();
      });
    }
    const reply = send(command, stream);
    gathered += 1;
    if (corked !== null && gathered >= TOGETHER) {
      gathered = 0;
      corked.uncork();
      corked.cork();
    }
    return reply;
  };
}
