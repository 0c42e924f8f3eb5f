import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '../e2e/until.ts';

const RUNNER = fileURLToPath(new URL('../../scripts/lib/run-tests.ts', import.meta.url));
const SERVICE = new URL('../../scripts/lib/service-process.ts', import.meta.url).href;

test('a run that is stopped leaves no service behind, and no folder of one', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-runner-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const started = join(folder, 'started.json');
  writeFileSync(
    join(folder, 'a.test.ts'),
    `import { writeFileSync } from 'node:fs';
    import { test } from 'node:test';
    import { startServiceProcess } from '${SERVICE}';
    test('endless', async () => {
      const { pid, dataDir } = await startServiceProcess();
      writeFileSync('${started}', JSON.stringify({ pid, dataDir }));
      await new Promise((resolve) => setTimeout(resolve, 600_000));
    });`,
  );
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const runner = spawn(process.execPath, [RUNNER, '--no-servers', folder], { env, stdio: 'ignore' });
  const ended = once(runner, 'exit');
  await until('the service has started', () => existsSync(started), 60_000);
  await until('it is written down', () => readFileSync(started, 'utf8').endsWith('}'));
  const { pid, dataDir } = JSON.parse(readFileSync(started, 'utf8'));
  assert.ok(existsSync(dataDir));

  runner.kill('SIGTERM');
  assert.deepEqual(await ended, [1, null]);
  await until('the service is gone', () => !existsSync(`/proc/${pid}`));
  await until('its folder is gone', () => !existsSync(dataDir));
});
