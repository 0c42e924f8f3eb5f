import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Certificate } from './certificate.ts';
import { freePort } from './free-port.ts';
import { findProgram } from './program.ts';
import type { RunningServer, TestServer } from './server.ts';

const run = promisify(execFile);

export interface RunningPostgres extends RunningServer {
  /** Address of the maintenance database `postgres`, as its superuser. */
  readonly url: string;
  /** Of the process whose children are all others; 0 while it is not there. */
  readonly pid: number;
  /** End it at once, without a checkpoint, as `pg_ctl stop -m immediate` does. Its data stay. */
  kill(): Promise<void>;
  /** Start it again after `kill`, on the same data and port. It may have to recover first. */
  restart(): Promise<void>;
  /** Hang: every process of the server stops where it is, and its sockets stay open. `thaw` lets them go on. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
}

export const postgresServer: TestServer = { name: 'PostgreSQL', start: () => startPostgres() };

export interface PostgresOptions {
  /** Its superuser has a password, and who comes without TLS is refused. Default: whoever comes is trusted. */
  readonly secured?: { readonly password: string; readonly certificate: Certificate };
}

/**
 * One PostgreSQL server with its data in a temporary folder. A commit is in the operating system's hands when
 * it is answered, so it outlives a crash of the server, but not one of the machine: nothing waits for a disk.
 */
export async function startPostgres({ secured }: PostgresOptions = {}): Promise<RunningPostgres> {
  const bin = dirname(
    findProgram({
      name: 'postgres',
      debianPackage: 'postgresql',
      // Looked up each time: they appear when the package is installed.
      get otherFolders() {
        return globSync('/usr/lib/postgresql/*/bin').sort().reverse();
      },
    }),
  );
  // PostgreSQL refuses to run as root; its package made a user for it.
  const user = process.getuid?.() === 0 ? userNamed('postgres') : null;
  const folder = await mkdtemp(join(tmpdir(), 'sluice-postgres-'));
  const data = join(folder, 'data');
  await mkdir(data, { mode: 0o700 });
  if (user) {
    for (const path of [folder, data]) await chown(path, user.uid, user.gid);
  }
  const port = await freePort();
  let server: ChildProcess | null = null;

  const killOnExit = () => server?.kill('SIGQUIT');
  process.once('exit', killOnExit);

  async function start(): Promise<void> {
    const tls = secured ? ['-c', 'ssl=on'] : [];
    server = spawn(join(bin, 'postgres'), ['-D', data, '-p', String(port), ...settings(), ...tls], {
      ...user,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await untilReady(server, port);
  }

  async function kill(): Promise<void> {
    if (!server) return;
    await end(server);
    server = null;
  }

  async function stop(): Promise<void> {
    process.off('exit', killOnExit);
    await kill();
    await rm(folder, { recursive: true, force: true });
  }

  try {
    const options = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
    await run(join(bin, 'initdb'), ['-D', data, ...options], { ...user, cwd: folder });
    if (secured) await secure(bin, data, secured, user);
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const signalAll = async (signal: 'SIGSTOP' | 'SIGCONT') => {
    if (server?.pid === undefined) return;
    // The parent first: it must not start another process, nor wonder why one does not answer.
    server.kill(signal);
    for (const pid of await childrenOf(server.pid)) tell(pid, signal);
  };
  return {
    url,
    get pid() {
      return server?.pid ?? 0;
    },
    env: { SLUICE_TEST_DATABASE_URL: url },
    stop,
    kill,
    restart: start,
    freeze: () => signalAll('SIGSTOP'),
    thaw: () => signalAll('SIGCONT'),
  };
}

/** Its certificate and key, the password, and who may come: all before it first listens. */
async function secure(
  bin: string,
  data: string,
  { password, certificate }: NonNullable<PostgresOptions['secured']>,
  user: { uid: number; gid: number } | null,
): Promise<void> {
  const files = {
    'server.crt': await readFile(certificate.certFile, 'utf8'),
    'server.key': await readFile(certificate.keyFile, 'utf8'),
    'pg_hba.conf': 'hostssl all all 127.0.0.1/32 scram-sha-256\n',
  };
  for (const [name, content] of Object.entries(files)) {
    const path = join(data, name);
    await writeFile(path, content, { mode: 0o600 });
    if (user) await chown(path, user.uid, user.gid);
  }
  const alone = execFile(join(bin, 'postgres'), ['--single', '-D', data, 'postgres'], { ...user });
  alone.stdin?.end(`alter role postgres password '${password}'\n`);
  await once(alone, 'exit');
}

function settings(): string[] {
  return [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'fsync=off',
    'full_page_writes=off',
    'max_connections=200',
    'shared_buffers=64MB',
    // The ledger must not depend on the server's time zone.
    'timezone=Pacific/Auckland',
  ].flatMap((setting) => ['-c', setting]);
}

function userNamed(name: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

async function untilReady(server: ChildProcess, port: number): Promise<void> {
  if (!server.stderr) throw new Error('postgres was started without its output');
  const said: string[] = [];
  // The lines are read on after readiness, or a full pipe would stop the server.
  const lines = createInterface({ input: server.stderr });
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      if (line.includes('database system is ready to accept connections')) resolve();
      else if (said.length < 50) said.push(line);
    });
    server.once('error', reject);
    server.once('exit', () =>
      reject(new Error(`postgres did not start on port ${port}:\n${said.join('\n')}`)),
    );
  });
}

/** Processes that the server started, by what Linux tells of all of them. */
async function childrenOf(parent: number): Promise<number[]> {
  const children: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '');
    // "pid (name) state parent …": the name may hold spaces and brackets.
    const [, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(ppid) === parent) children.push(Number(entry));
  }
  return children;
}

/** A child that has ended meanwhile need not be told. */
function tell(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null || server.pid === undefined) return;
  const exited = once(server, 'exit');
  for (const pid of await childrenOf(server.pid)) tell(pid, 'SIGCONT');
  server.kill('SIGCONT');
  server.kill('SIGQUIT');
  await exited;
}
