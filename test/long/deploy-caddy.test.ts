import { test } from 'node:test';
import { startCaddy } from '../helpers/proxies.ts';
import { checkProxy } from '../helpers/through-a-proxy.ts';

test('Caddy, as deploy/Caddyfile says, passes a slow upload on while it comes in', async (t) => {
  await checkProxy(t, startCaddy);
});
