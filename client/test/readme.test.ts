/** Every example of the README is run as it stands there, against the real service. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { transform } from 'esbuild';
import { EXIT_TABLE } from '../src/cli/exit-codes.ts';
import { CLIENT_ERROR_CODES, UPLOAD_STATES } from '../src/node.ts';
import { seededRandom } from './helpers/random.ts';
import { startedService } from './helpers/service.ts';
import { videoBytes } from './helpers/videos.ts';

const CLIENT = fileURLToPath(new URL('..', import.meta.url));
const readme = await readFile(join(CLIENT, 'README.md'), 'utf8');
const examples = [...readme.matchAll(/```(tsx?) (\w+)\n(.*?)```/gs)].map(
  ([, extension = '', kind = '', code = '']) => ({ extension, kind, code }),
);
const service = startedService();
const random = seededRandom(9);

/** Within the package, so that `@sluice/client` is this one. */
let folder = '';
before(async () => {
  folder = await mkdtemp(join(CLIENT, 'test/.readme-'));
  await promisify(execFile)(process.execPath, [join(CLIENT, 'scripts/build.mjs')]);
  for (const name of ['holiday.mp4', 'party.mp4'])
    await writeFile(join(folder, name), videoBytes(200_000, random));
});
after(() => rm(folder, { recursive: true, force: true }));

async function run(code: string, around: { before?: string; after?: string } = {}): Promise<string> {
  const source = `${around.before ?? ''}\n${code}\n${around.after ?? ''}`;
  const path = join(folder, `example-${random()}.mjs`);
  const local = source.replaceAll('https://uploads.example.org', service.url);
  await writeFile(path, (await transform(local, { loader: 'tsx', jsx: 'automatic' })).code);
  const env = { ...process.env, SLUICE_URL: service.url, SLUICE_TOKEN: service.token() };
  return (await promisify(execFile)(process.execPath, [path], { cwd: folder, env })).stdout;
}

const of = (kind: string) => examples.filter((example) => example.kind === kind).map(({ code }) => code);

test('all examples are known here and none is longer than it should be', () => {
  assert.deepEqual(
    examples.map(({ kind }) => kind),
    ['browser', 'node', 'node', 'node', 'react', 'uppy'],
  );
  for (const { code } of examples) assert.ok(code.trim().split('\n').filter(Boolean).length <= 13, code);
});

test('the examples compile as strictly as anybody can ask for', async () => {
  const names = examples.map(({ extension }, n) => `typed-${n}.${extension}`);
  for (const [n, { code }] of examples.entries()) await writeFile(join(folder, names[n] ?? ''), code);
  await writeFile(
    join(folder, 'page.d.ts'),
    `declare const session: { accessToken(): Promise<string> };
     declare const input: HTMLInputElement;
     declare const bar: HTMLProgressElement;`,
  );
  const compilerOptions = {
    ...{ target: 'es2023', module: 'esnext', moduleResolution: 'bundler', jsx: 'react-jsx' },
    ...{ lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable', 'esnext.disposable'], types: ['node'] },
    ...{ strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true },
    ...{ noEmit: true, skipLibCheck: true },
  };
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: [...names, 'page.d.ts'] }),
  );
  const tsc = join(CLIENT, '../node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  assert.equal(status, 0, stdout);
});

test('the examples for Node do what they say', async () => {
  const [one = '', several = '', quota = ''] = of('node');
  assert.match(await run(one), /^completed [0-9a-f]{64}\n$/);
  assert.equal(await run(several), 'fulfilled\nfulfilled\n');
  assert.match(await run(quota), /^\d+ bytes left, 0 uploads under way\n$/);
});

test('the example for a page uploads the file that was chosen', async () => {
  const [code = ''] = of('browser');
  const output = await run(code, {
    before: `
      const bytes = await (await import('node:fs/promises')).readFile('holiday.mp4');
      const session = { accessToken: () => process.env.SLUICE_TOKEN };
      const input = Object.assign(new EventTarget(), { files: [new File([bytes], 'holiday.mp4')] });
      const bar = { value: 0, set title(text) { console.log(text, this.value); } };`,
    after: `input.dispatchEvent(new Event('change'));`,
  });
  assert.equal(output, 'holiday.mp4 is completed 200000\n');
});

test('the example for React renders', async () => {
  const [code = ''] = of('react');
  const output = await run(code, {
    after: `
      import { createElement } from 'react';
      import { renderToString } from 'react-dom/server';
      import { createClient } from '@sluice/client';
      const client = createClient({ baseUrl: process.env.SLUICE_URL, token: process.env.SLUICE_TOKEN });
      console.log(renderToString(createElement(Uploads, { client })));`,
  });
  assert.match(output, /<input type="file" multiple=""\/><p>.* GB left<\/p>/);
});

test('the example for Uppy uploads what is added', async () => {
  const [code = ''] = of('uppy');
  const output = await run(code.replace("credentials: 'include'", 'token: process.env.SLUICE_TOKEN'), {
    after: `
      const bytes = await (await import('node:fs/promises')).readFile('party.mp4');
      uppy.addFile({ name: 'party.mp4', data: new File([bytes], 'party.mp4') });
      await uppy.upload();`,
  });
  assert.match(output, /^party\.mp4 completed$/m);
});

test('the tables name every state and exit code', () => {
  for (const state of UPLOAD_STATES) assert.ok(readme.includes(`\`${state}\``), state);
  for (const [code, meaning] of EXIT_TABLE) assert.ok(readme.includes(`| ${code} | ${meaning} |`), meaning);
  assert.ok(CLIENT_ERROR_CODES.some((code) => readme.includes(`\`${code}\``)));
});
