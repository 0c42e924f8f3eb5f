/** The package as it is published: built, packed and used by others. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { publint } from 'publint';
import { typesFromOpenApi } from '../scripts/lib/openapi-types.ts';
import { folderWithPackage } from './helpers/packed.ts';

const CLIENT = fileURLToPath(new URL('..', import.meta.url));
const MODULES = join(CLIENT, '../node_modules');

let folder = '';
before(async () => {
  folder = await folderWithPackage();
});
after(() => rm(folder, { recursive: true, force: true }));

test('the types in src are those of openapi.json', async () => {
  const document = JSON.parse(await readFile(join(CLIENT, '../openapi.json'), 'utf8'));
  assert.equal(await readFile(join(CLIENT, 'src/api/types.ts'), 'utf8'), typesFromOpenApi(document));
});

test('what the README says to pack with makes the file that it says to install', async () => {
  const readme = await readFile(join(CLIENT, 'README.md'), 'utf8');
  const [, args = '', file = ''] = /npm (pack .*?) +#.*\n.*npm install .*\/(\S+\.tgz)/.exec(readme) ?? [];
  const packed = execFileSync('npm', [...args.split(' '), '--json', '--pack-destination', folder], {
    cwd: join(CLIENT, '..'),
    encoding: 'utf8',
  });
  assert.match(packed, /dist\/node\.js/);
  await access(join(folder, file));
});

test('publint has nothing to say', async () => {
  const { messages } = await publint({ pkgDir: CLIENT, strict: true });
  assert.deepEqual(messages, []);
});

test('the packed files run in Node, and so does the command', async () => {
  const script = join(folder, 'use.mjs');
  await writeFile(
    script,
    `import { createClient, openFile } from '@sluice/client';
     import { useUpload } from '@sluice/client/react';
     import { Sluice } from '@sluice/client/uppy';
     console.log([createClient, openFile, useUpload, Sluice].map((it) => typeof it).join());`,
  );
  assert.equal(
    execFileSync(process.execPath, [script], { encoding: 'utf8' }).trim(),
    'function,function,function,function',
  );
  const bin = join(folder, 'node_modules/@sluice/client/bin/sluice-upload.mjs');
  const { status, stdout } = spawnSync(process.execPath, [bin, '--help'], { encoding: 'utf8' });
  assert.equal(status, 0);
  assert.match(stdout, /^sluice-upload FILE/);
});

test('its declarations are right for a strict consumer, in browsers and in Node', async () => {
  await writeFile(
    join(folder, 'consumer.ts'),
    `import { createClient, isSluiceApiError, type Upload } from '@sluice/client';
     import { useQuota, useUpload } from '@sluice/client/react';
     import { Sluice } from '@sluice/client/uppy';
     import { Uppy } from '@uppy/core';
     const client = createClient({ baseUrl: 'https://x', getToken: async ({ refresh }) => String(refresh) });
     export const upload: Upload = client.upload(new File([], 'a'), { context: { workflow_type: 'batch_upload' } });
     upload.done.catch((error: unknown) => isSluiceApiError(error) && error.code === 'QUOTA_EXCEEDED');
     for await (const event of client.events()) if (event.type === 'quota') event.quota.quota_used.toFixed();
     new Uppy().use(Sluice, { client });
     export const used = () => [useQuota(client).quota?.quota_limit, useUpload(client).uploads[0]?.state];
     // @ts-expect-error: no such workflow
     client.upload(new File([], 'a'), { context: { workflow_type: 'nonsense' } });`,
  );
  for (const conditions of [[], ['browser']]) {
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          target: 'es2022',
          module: 'esnext',
          moduleResolution: 'bundler',
          customConditions: conditions,
          lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable', 'esnext.disposable'],
          types: [],
          strict: true,
          noEmit: true,
          skipLibCheck: true,
        },
        files: ['consumer.ts'],
      }),
    );
    const tsc = join(MODULES, 'typescript/bin/tsc');
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
    assert.equal(status, 0, stdout);
  }
});

test('a bundle for browsers has nothing of Node in it', async () => {
  const entries = ['@sluice/client', '@sluice/client/react', '@sluice/client/uppy'];
  const { metafile, outputFiles } = await build({
    stdin: { contents: entries.map((name) => `export * from '${name}';`).join('\n'), resolveDir: folder },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    external: ['react', '@uppy/core'],
    metafile: true,
    write: false,
  });
  const inputs = Object.keys(metafile.inputs).map((path) => path.replace(/.*node_modules\//, ''));
  assert.ok(inputs.includes('@sluice/client/dist/browser.js'));
  assert.deepEqual(
    inputs.filter((path) => /platform\/node|\/cli\//.test(path)),
    [],
  );
  assert.ok(!/["']node:/.test(outputFiles[0]?.text ?? ''));
});

test('what is not used is left out of a bundle', async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: "import { isSluiceApiError } from '@sluice/client'; console.log(isSluiceApiError(1));",
      resolveDir: folder,
    },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  });
  assert.ok((outputFiles[0]?.contents.length ?? Number.POSITIVE_INFINITY) < 1000);
});

test('every entry keeps its size limit', () => {
  const size = spawnSync(process.execPath, [join(CLIENT, 'scripts/size.ts')], { encoding: 'utf8' });
  assert.equal(size.status, 0, size.stdout + size.stderr);
});

test('a worker of its own hashes in the browser: the script is found beside the module', async () => {
  const dist = join(folder, 'node_modules/@sluice/client/dist/hash');
  const source = await readFile(join(dist, 'hash-in-worker.js'), 'utf8');
  const [, script = ''] = source.match(/new URL\('(.+?)', import\.meta\.url\)/) ?? [];
  assert.match(await readFile(join(dist, script), 'utf8'), /addEventListener\('message'/);
  assert.equal(dirname(join(dist, script)), dist);
});
