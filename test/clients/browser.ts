import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { launchChromium } from '../../scripts/lib/servers/chromium.ts';

/** A page of an origin of its own, not open yet, that has the clients in it. */
export interface ClientPage {
  readonly origin: string;
  /** Open it in Chromium, with this file to upload, and call a function of it. Its result must be JSON. */
  call(name: string, input: object, content: Buffer): Promise<unknown>;
}

export async function startClientPage(t: TestContext): Promise<ClientPage> {
  const entryPoints = [fileURLToPath(new URL('page.js', import.meta.url))];
  const bundled = await build({ entryPoints, bundle: true, format: 'esm', write: false, logLevel: 'silent' });
  const script = bundled.outputFiles[0]?.text ?? '';
  let video: Uint8Array = Buffer.alloc(0);
  const server = createServer((request, answer) => {
    switch (request.url) {
      case '/page.js':
        return answer.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
      case '/content':
        return answer.end(video);
      default:
        return answer
          .writeHead(200, { 'content-type': 'text/html' })
          .end('<!doctype html><script type="module" src="/page.js"></script>');
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    origin,
    async call(name, input, content) {
      video = content;
      const browser = await launchChromium();
      t.after(() => browser.close());
      t.diagnostic(`Chromium ${browser.version()}`);
      const page = await browser.newPage();
      page.setDefaultTimeout(0);
      await page.goto(origin);
      await page.waitForFunction(`globalThis.${name}`);
      return page.evaluate(`${name}(${JSON.stringify(input)})`);
    },
  };
}
