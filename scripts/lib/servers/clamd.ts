import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endWithUs, listenTo, untilReady } from './child.ts';
import { freePort } from './free-port.ts';
import { findProgram } from './program.ts';

export interface RunningClamd {
  readonly port: number;
  /** End it at once; `stop` as well removes its folder. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

const STARTUP_DEADLINE_MS = 120_000;

/**
 * A real clamd that knows one signature, the bytes of `marker`: the databases of the project are hundreds of
 * megabytes, come from the net, and say nothing about whether we speak to it rightly.
 * @param options.maxBytes its `StreamMaxLength`.
 */
export async function startClamd(options: {
  readonly marker: string;
  readonly port?: number;
  readonly maxBytes?: number;
}): Promise<RunningClamd> {
  const program = findProgram({
    name: 'clamd',
    debianPackage: 'clamav-daemon',
    otherFolders: ['/usr/sbin', '/usr/local/sbin'],
  });
  const folder = await mkdtemp(join(tmpdir(), 'sluice-clamd-'));
  const database = join(folder, 'database');
  await mkdir(database);
  // name : any kind of file : anywhere in it : its bytes
  const signature = `Sluice.Test.Marker:0:*:${Buffer.from(options.marker).toString('hex')}\n`;
  await writeFile(join(database, 'test.ndb'), signature);
  const port = options.port ?? (await freePort());
  const settings = {
    TCPSocket: port,
    TCPAddr: '127.0.0.1',
    DatabaseDirectory: database,
    TemporaryDirectory: folder,
    Foreground: 'yes',
    ConcurrentDatabaseReload: 'no',
    StreamMaxLength: options.maxBytes ?? 100_000_000,
  };
  const config = join(folder, 'clamd.conf');
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`);
  await writeFile(config, lines.join(''));

  const child = spawn(program, ['--config-file', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = listenTo(child);
  const kill = endWithUs(child);
  const stop = async () => {
    await kill();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilReady(child, {
      name: 'clamd',
      isReady: () => accepts(port),
      deadlineMs: STARTUP_DEADLINE_MS,
      said,
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, kill, stop };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
