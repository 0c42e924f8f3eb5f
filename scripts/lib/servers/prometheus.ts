import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';
import { findProgram } from './program.ts';

const DEPLOYED = fileURLToPath(new URL('../../../deploy/prometheus', import.meta.url));
const START_DEADLINE_MS = 30_000;

export interface RunningPrometheus {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Prometheus as deploy/prometheus configures it, but for the instances, which are those of this machine
 * (`127.0.0.1:<port>`). It comes from the PATH or from Debian's packages; throws with what to install.
 */
export async function startPrometheus(
  instances: readonly string[],
  scrapeEvery = '5s',
): Promise<RunningPrometheus> {
  const program = findProgram({ name: 'prometheus', debianPackage: 'prometheus' });
  const folder = await mkdtemp(join(tmpdir(), 'sluice-prometheus-'));
  cpSync(DEPLOYED, folder, { recursive: true });
  const file = join(folder, 'prometheus.yml');
  const config = readFileSync(file, 'utf8')
    .replace(/targets: \[.*\]/, `targets: ${JSON.stringify(instances)}`)
    .replaceAll(/(scrape|evaluation)_interval: \S+/g, `$1_interval: ${scrapeEvery}`);
  writeFileSync(file, config);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    program,
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const killOnExit = () => child.kill('SIGKILL');
  process.once('exit', killOnExit);
  const stop = async () => {
    process.off('exit', killOnExit);
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilReady(child, `${url}/-/ready`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}

/** It tells nobody when it is ready, so it is asked. */
async function untilReady(child: ChildProcess, url: string): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error('Prometheus did not start; its own words stand above.');
    const ready = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return;
    if (Date.now() > deadline) throw new Error('Prometheus did not answer in time.');
    await setTimeout(50);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
