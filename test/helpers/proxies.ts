import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answers, endWithUs, untilReady } from '../../scripts/lib/servers/child.ts';
import { freePort } from '../../scripts/lib/servers/free-port.ts';
import { findProgram } from '../../scripts/lib/servers/program.ts';

/** A proxy with its configuration of deploy/, in front of a service of this machine. */
export interface RunningProxy {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** What it has written to its logs, the access log among them. */
  logs(): Promise<string>;
  /** Files that it keeps bodies in; none where it passes them on. */
  spooled(): Promise<string[]>;
  stop(): Promise<void>;
}

const START_DEADLINE_MS = 15_000;
const read = (name: string) => readFileSync(new URL(`../../deploy/${name}`, import.meta.url), 'utf8');

export async function startNginx(service: string): Promise<RunningProxy> {
  const program = findProgram({ name: 'nginx', debianPackage: 'nginx-light', otherFolders: ['/usr/sbin'] });
  const port = await freePort();
  const { host } = new URL(service);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-nginx-'));
  const bodies = join(folder, 'bodies');
  // The file of deploy/, but for its addresses, and for folders that this user may write to.
  const others = ['proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`);
  const conf = read('nginx.conf')
    .replace('server sluice-1:8080', `server ${host}`)
    .replace(/.*server sluice-2:8080.*\n/, '')
    .replace('listen 8080', `listen 127.0.0.1:${port}`)
    .replaceAll('/var/log/nginx', folder)
    .replace('http {', `http {\n  client_body_temp_path ${bodies};\n  ${others.join(' ')}`);
  const file = join(folder, 'nginx.conf');
  await writeFile(file, `pid ${folder}/nginx.pid;\n${conf}`);
  const args = ['-p', folder, '-c', file, '-e', 'stderr', '-g', 'daemon off;'];
  const url = `http://127.0.0.1:${port}`;
  return await startProxy({ program, args, url, folder, bodies, logs: ['access.log', 'error.log'] });
}

export async function startCaddy(service: string): Promise<RunningProxy> {
  const program = findProgram({ name: 'caddy', debianPackage: 'caddy' });
  const folder = await mkdtemp(join(tmpdir(), 'sluice-caddy-'));
  const url = `http://127.0.0.1:${await freePort()}`;
  const file = join(folder, 'Caddyfile');
  // Its administration address would be in the way of another Caddy of this machine.
  await writeFile(file, read('Caddyfile').replace('{\n', '{\n\tadmin off\n'));
  const args = ['run', '--adapter', 'caddyfile', '--config', file];
  const env = { SITE: url, INSTANCES: new URL(service).host, HOME: folder, XDG_DATA_HOME: folder };
  return await startProxy({ program, args, url, folder, bodies: join(folder, 'bodies'), env });
}

interface ProxyStart {
  readonly program: string;
  readonly args: readonly string[];
  readonly url: string;
  /** Removed at the end. */
  readonly folder: string;
  readonly bodies: string;
  /** Files in the folder; the outputs count as well. */
  readonly logs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

async function startProxy(options: ProxyStart): Promise<RunningProxy> {
  const { program, args, url, folder, bodies, logs = [], env } = options;
  const child = spawn(program, args, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  // SIGTERM: nginx's master takes its workers with it.
  const end = endWithUs(child, 'SIGTERM');
  const stop = async () => {
    await end();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilReady(child, {
      name: 'The proxy',
      isReady: () => answers(`${url}/livez`),
      deadlineMs: START_DEADLINE_MS,
      said: () => output,
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    async logs() {
      const files = await Promise.all(logs.map((log) => readFile(join(folder, log), 'utf8')));
      return output + files.join('');
    },
    async spooled() {
      return await readdir(bodies, { recursive: true }).catch(() => []);
    },
    stop,
  };
}
