import { fileURLToPath } from 'node:url';
import { freePort } from '../../scripts/lib/servers/free-port.ts';
import type { Peer, Running } from '../harness/contract.ts';
import { startServer } from '../harness/server-process.ts';

const PROGRAM = fileURLToPath(new URL('bare-server.ts', import.meta.url));

/** The limit of one Node process: see bare-server.ts. */
export const bare: Peer = {
  name: 'bare',
  prepare: async () => `node:http of Node ${process.versions.node}`,
};

export async function startBare(redisPort: number): Promise<Running> {
  const port = await freePort();
  return startServer([process.execPath, PROGRAM, String(port), String(redisPort)], { port });
}
