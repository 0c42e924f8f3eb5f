import { fileURLToPath } from 'node:url';
import Fastify from 'fastify';
import { signAccessToken } from '../../scripts/lib/access-token.ts';
import { freePort } from '../../scripts/lib/servers/free-port.ts';
import type { Peer, Running } from '../harness/contract.ts';
import { startServer } from '../harness/server-process.ts';

const PROGRAM = fileURLToPath(new URL('fastify-server.ts', import.meta.url));
const SECRET = 'a secret of the benchmark, long enough for HS256';

/** What a service on this framework cannot be faster than: see fastify-server.ts. */
export const fastify: Peer = {
  name: 'fastify',
  prepare: async () => `${Fastify().version} on Node ${process.versions.node}`,
};

/** `parts` of the service on top; `flags` of Node. */
export async function startFastify(
  redisPort: number,
  { parts = [], flags = [] }: { readonly parts?: readonly string[]; readonly flags?: readonly string[] } = {},
): Promise<Running> {
  const port = await freePort();
  const args = [String(port), String(redisPort), SECRET, parts.join(',')];
  const running = await startServer([process.execPath, ...flags, PROGRAM, ...args], { port });
  if (!parts.includes('jwt')) return running;
  return { ...running, token: (options) => signAccessToken(SECRET, options) };
}
