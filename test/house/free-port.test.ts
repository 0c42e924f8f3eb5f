import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';

const PORTS = 300;
const MODULE = new URL('../../scripts/lib/servers/free-port.ts', import.meta.url).href;
/** Of net.ipv4.ip_local_port_range, where nobody has set it; macOS and Windows begin above it. */
const FIRST_OF_CONNECTIONS = 32_768;
/** Asks for ports all at once, tells them, and lives on until its input ends. */
const ASKS = `
  import { freePort } from '${MODULE}';
  const ports = await Promise.all(Array.from({ length: ${PORTS} }, () => freePort()));
  console.log(JSON.stringify(ports));
  process.stdin.resume();`;

test('processes that ask for free ports at the same time are given no port twice, and none that a connection may take', async (t) => {
  const ports = (await Promise.all([askIn(t), askIn(t)])).flat();
  assert.equal(new Set(ports).size, 2 * PORTS);
  assert.ok(Math.max(...ports) < FIRST_OF_CONNECTIONS);
});

async function askIn(t: TestContext): Promise<number[]> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', ASKS], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(async () => {
    const exited = once(child, 'exit');
    child.stdin.end();
    await exited;
  });
  const [line] = await once(child.stdout, 'data');
  return JSON.parse(String(line));
}
