import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { folderWithPackage } from '../../client/test/helpers/packed.ts';
import { launchChromium } from '../../scripts/lib/servers/chromium.ts';
import { type ServiceProcess, startServiceProcess } from '../../scripts/lib/service-process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const VIDEO = join(ROOT, 'test/fixtures/sample.mp4');

/** What somebody writes who has read the package's README, and nothing else. */
const PROJECT = {
  'index.html': '<!doctype html><div id="app"></div><script type="module" src="/src/main.tsx"></script>',
  'tsconfig.json': JSON.stringify({
    compilerOptions: {
      ...{ target: 'es2023', module: 'esnext', moduleResolution: 'bundler', jsx: 'react-jsx' },
      ...{
        lib: ['es2023', 'dom', 'dom.iterable'],
        types: [],
        strict: true,
        noEmit: true,
        skipLibCheck: true,
      },
    },
    include: ['src'],
  }),
  'src/main.tsx': `import { createClient } from '@sluice/client';
    import { useQuota, useUpload } from '@sluice/client/react';
    import { Sluice } from '@sluice/client/uppy';
    import { Uppy } from '@uppy/core';
    import { createRoot } from 'react-dom/client';

    const getToken = () => decodeURIComponent(location.hash.slice(1));
    const client = createClient({ baseUrl: location.origin, getToken });
    const uppy = new Uppy({ autoProceed: true }).use(Sluice, { client });

    function App() {
      const { uploads, start } = useUpload(client);
      const { quota } = useQuota(client);
      return (
        <main>
          <input id="hooks" type="file" onChange={({ target }) => start(target.files, { sha256: true })} />
          <input id="uppy" type="file" onChange={({ target }) => {
            for (const data of target.files ?? []) uppy.addFile({ name: 'by-uppy.mp4', type: data.type, data });
          }} />
          <p id="quota">{quota?.quota_used}</p>
          <ul>{uploads.map(({ id, filename, state }) => <li key={id}>{filename}: {state}</li>)}</ul>
        </main>
      );
    }
    uppy.on('complete', ({ successful }) => {
      document.body.append('by Uppy: ' + successful?.length);
    });
    const place = document.getElementById('app');
    if (place) createRoot(place).render(<App />);`,
};

let folder = '';
let service: ServiceProcess;
before(async () => {
  [folder, service] = await Promise.all([folderWithPackage(), startServiceProcess()]);
  await mkdir(join(folder, 'src'));
  for (const [name, text] of Object.entries(PROJECT)) await writeFile(join(folder, name), text);
});
after(() => Promise.all([service?.stop(), rm(folder, { recursive: true, force: true })]));

const run = (script: string, args: readonly string[]) =>
  execFileSync(process.execPath, [join(ROOT, 'node_modules', script), ...args], {
    cwd: folder,
    stdio: 'pipe',
  });

/** The built project, at an address of the service's own origin. */
async function opened(t: TestContext, token: string): Promise<Page> {
  const browser = await launchChromium();
  t.after(() => browser.close());
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  await page.route('**/project/**', (route) => {
    const name = new URL(route.request().url()).pathname.replace('/project/', '');
    return route.fulfill({ path: join(folder, 'dist', name) });
  });
  await page.goto(`${service.url}/project/index.html#${token}`);
  return page;
}

test("a stranger's Vite project with the packed package compiles, builds and uploads", async (t) => {
  run('typescript/bin/tsc', ['-p', '.']);
  run('vite/bin/vite.js', ['build', '--base', './', '--logLevel', 'warn']);
  const assets = await readdir(join(folder, 'dist/assets'));
  assert.ok(
    assets.some((name) => name.startsWith('sha256-worker')),
    `the worker came along: ${assets}`,
  );

  const page = await opened(t, service.token({ user: crypto.randomUUID() }));
  const scripts: string[] = [];
  page.on('worker', (worker) => scripts.push(worker.url()));
  await page.locator('#hooks').setInputFiles(VIDEO);
  await page.getByText('sample.mp4: done').waitFor();
  assert.ok(
    scripts.some((url) => url.includes('sha256-worker')),
    'it hashed in the worker',
  );

  await page.locator('#uppy').setInputFiles(VIDEO);
  await page.getByText('by Uppy: 1').waitFor();
  const { length } = await readFile(VIDEO);
  await page.locator('#quota', { hasText: String(2 * length) }).waitFor();
});
