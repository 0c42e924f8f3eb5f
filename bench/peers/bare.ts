import { fileURLToPath } from 'node:url';
import { signAccessToken } from '../../scripts/lib/access-token.ts';
import { freePort } from '../../scripts/lib/servers/free-port.ts';
import type { Peer, Running } from '../harness/contract.ts';
import { startServer } from '../harness/server-process.ts';

const PROGRAM = fileURLToPath(new URL('bare-server.ts', import.meta.url));
const SECRET = 'a secret of the benchmark, long enough for HS256';

const version = async () => `node:http of Node ${process.versions.node}`;

/** The limit of one Node process: see bare-server.ts. */
export const bare: Peer = { name: 'bare', prepare: version };

/** The same, which also finds out who asks: the least that a service can be. */
export const bareWithTokens: Peer = { name: 'bare with tokens', prepare: version };

/** `store`: the port of Redis, or the folder of an SQLite database. */
export async function startBare(store: number | string): Promise<Running> {
  const port = await freePort();
  return startServer([process.execPath, PROGRAM, String(port), String(store)], { port });
}

export async function startBareWithTokens(store: number | string): Promise<Running> {
  const port = await freePort();
  const args = [String(port), String(store), SECRET];
  const running = await startServer([process.execPath, PROGRAM, ...args], { port });
  return { ...running, token: (options) => signAccessToken(SECRET, options) };
}
