import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { P, signToken, startApp } from '../helpers/app.ts';

const document = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
const blocks = [...document.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, text = '']) => text);
const [prelude = '', ...examples] = blocks;

test('every example of docs/protocol.md does what it says', async (t) => {
  assert.ok(examples.length >= 6, 'the document has lost its examples');
  const app = await startApp(t, { env: { PORT: '0' } });
  const env = {
    PATH: process.env.PATH,
    BASE: app.url,
    TOKEN: await signToken({ user_id: app.userId }),
    FILE: fileURLToPath(new URL('../fixtures/sample.mp4', import.meta.url)),
  };
  for (const example of examples) {
    const script = `set -eu\n${prelude}\n${example}`;
    const shell = spawn('sh', ['-c', script], { env });
    const said: Buffer[] = [];
    for (const stream of [shell.stdout, shell.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk));
    const [code] = await once(shell, 'close');
    assert.equal(code, 0, `${example}\n${Buffer.concat(said)}`);
  }
  const { body } = await app.call(`${P}/quota`);
  assert.ok(body.quota_used > 0);
});
