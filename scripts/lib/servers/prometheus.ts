import { spawn } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answers, endWithUs, listenTo, untilReady } from './child.ts';
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
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const said = listenTo(child);
  const end = endWithUs(child);
  const stop = async () => {
    await end();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilReady(child, {
      name: 'Prometheus',
      isReady: () => answers(`${url}/-/ready`),
      deadlineMs: START_DEADLINE_MS,
      said,
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}
