import { test } from 'node:test';
import { startNginx } from '../helpers/proxies.ts';
import { checkProxy } from '../helpers/through-a-proxy.ts';

test('nginx, as deploy/nginx.conf says, passes a slow upload on while it comes in', async (t) => {
  await checkProxy(t, startNginx);
});
