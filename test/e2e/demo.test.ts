import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { serviceFor } from './service.ts';

const DEMO = fileURLToPath(new URL('../../scripts/demo/main.ts', import.meta.url));

test('the demo cuts an upload, resumes it, and sees it counted once, on a service it starts itself', async () => {
  const { code, output } = await runDemo([]);
  assert.equal(code, 0, output);
  const steps = [
    'Quota before',
    'Session',
    'Connection cut',
    'Kept',
    'Completed',
    'Validated',
    'Quota after',
  ];
  for (const step of steps) assert.match(output, new RegExp(step));
});

test('the demo works against a running service', async (t) => {
  const service = await serviceFor(t);
  const token = service.token({ user: randomUUID() });
  const { code, output } = await runDemo(['--url', service.url, '--token', token]);
  assert.equal(code, 0, output);
});

test('the demo fails where a step is not as expected', async (t) => {
  const service = await serviceFor(t, { env: { UPLOAD_DEFAULT_QUOTA: '10' } });
  const token = service.token({ user: randomUUID() });
  const { code, output } = await runDemo(['--url', service.url, '--token', token]);
  assert.equal(code, 1, output);
  assert.match(output, /QUOTA_EXCEEDED/);
});

async function runDemo(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [DEMO, '--seconds', '0.2', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}
