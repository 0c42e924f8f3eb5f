import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { exportJWK, generateKeyPair } from 'jose';

/** An identity provider's key set, served over HTTP: a key of each kind, whose id is the name of its algorithm. */
export async function startKeySet(t: TestContext) {
  const pairs = {
    RS256: await generateKeyPair('RS256', { extractable: true }),
    ES256: await generateKeyPair('ES256', { extractable: true }),
    EdDSA: await generateKeyPair('EdDSA', { extractable: true }),
  };
  const keys = await Promise.all(
    Object.entries(pairs).map(async ([kid, { publicKey }]) => ({ ...(await exportJWK(publicKey)), kid })),
  );
  const seen = { fetches: 0 };
  /** `away`: it answers 500. */
  const state = { withdrawn: new Set<string>(), away: false };
  const server = createServer((_request, response) => {
    seen.fetches += 1;
    if (state.away) return void response.writeHead(500).end();
    const offered = keys.filter(({ kid }) => !state.withdrawn.has(kid));
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: offered }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => new Promise((resolve) => server.close(resolve)));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/jwks`, pairs, seen, state };
}
