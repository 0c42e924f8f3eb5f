import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../scripts/lib/servers/free-port.ts';
import { OURS, type Workload } from '../harness/contract.ts';
import { initiateRequests, newUsers, pathOf, sendEachOnce, USERS } from '../load/users.ts';
import { loadAndCharge } from '../load/wrk.ts';
import { bareWithTokens, startBareWithTokens } from '../peers/bare.ts';
import { startSluice } from '../peers/sluice.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DEADLINE_MS = 30_000;
/** So many that none comes to have more live sessions than the service allows by default. */
const EMBEDDED_USERS = 10 * USERS;

export const embedded: Workload = {
  id: 'embedded',
  title: 'Embedded profile, SQLite alone',
  peers: [bareWithTokens],
  measures: {
    rate: { title: 'initiate, embedded, 32 connections', unit: 'requests/s' },
    cpu: { title: 'initiate, embedded: CPU of one', unit: 'µs' },
    start: { title: 'from "npm start" to the first answer', unit: 'ms' },
  },
  async run(bench) {
    const folder = await bench.folder();
    const running = await bench.start({
      [OURS]: () => startSluice(),
      [bareWithTokens.name]: () => startBareWithTokens(folder),
    });
    const users = newUsers(EMBEDDED_USERS);
    for (const [name, one] of running) {
      await sendEachOnce(one.url, initiateRequests(one, pathOf(name, 'initiate'), users));
    }
    await bench.alternate(running, async (one, name) => {
      const requests = initiateRequests(one, pathOf(name, 'initiate'), users);
      return loadAndCharge(one, { requests, connections: 32, seconds: bench.seconds });
    });
    for (const [, one] of running) await one.stop();

    for (let round = 0; round <= bench.rounds; round += 1) {
      const ms = await timeStart(await bench.folder());
      // The first one may still compile what is kept for the others.
      if (round > 0) bench.record(OURS, { start: ms });
    }
  },
};

/** Milliseconds from `npm start` in a shell, on a new folder, to the first answer. */
async function timeStart(folder: string): Promise<number> {
  const port = await freePort();
  const env = { ...process.env, DATA_DIR: folder, PORT: String(port), HOST: '127.0.0.1' };
  const began = performance.now();
  // A group of its own, so that all that npm starts can be ended.
  const child = spawn('npm', ['start'], { cwd: ROOT, env, stdio: 'ignore', detached: true });
  const exited = once(child, 'exit');
  try {
    while (!(await isAlive(port))) {
      if (performance.now() - began > DEADLINE_MS) throw new Error('npm start gives no answer');
      await setTimeout(5);
    }
    return performance.now() - began;
  } finally {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    await exited;
  }
}

async function isAlive(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/livez`);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
