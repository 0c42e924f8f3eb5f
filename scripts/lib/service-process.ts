import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { signAccessToken, type TokenOptions } from './access-token.ts';
import { hasEnded } from './servers/child.ts';
import { freePort } from './servers/free-port.ts';
import { SERVICE_FLAGS } from './service-flags.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Longest time from the start of the process to the address on its output. */
const START_DEADLINE_MS = 120_000;

/** Longest time from the end of the process to the end of the workers that share its outputs. */
const WORKERS_DEADLINE_MS = 30_000;

export interface ServiceOptions {
  /** On top of an environment that has none of the service's own variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** The folder of another service, to share it; default: a new one, removed by `stop`. */
  readonly dataDir?: string;
  /** `production` makes nothing up: `env` has to name all it needs. Default: `embedded`. */
  readonly profile?: 'embedded' | 'production';
  /** Everything it writes is added to this file, too. */
  readonly logFile?: string;
  /** What runs the service: gets the command that would be run, gives the command to run instead. */
  readonly wrap?: (command: readonly string[]) => readonly string[];
}

/** The real service in a process of its own, on a free loopback port. */
export interface ServiceProcess {
  /** `http://127.0.0.1:<port>`; the same after a restart. */
  readonly url: string;
  readonly dataDir: string;
  readonly secret: string;
  readonly pid: number;
  /** Everything the process wrote to its outputs, over all its lives. */
  readonly output: string;
  readonly running: boolean;
  /** Sign an access token for a user. */
  token(options: TokenOptions): string;
  /** Send a signal and wait until the process is gone; gives its exit code, or null where the signal ended it. */
  kill(signal: NodeJS.Signals): Promise<number | null>;
  /** Start it again, on the same port and folder. Resolves when it answers. */
  restart(): Promise<void>;
  /** End it, and remove the folder where it was made here. */
  stop(): Promise<void>;
}

export async function startServiceProcess(options: ServiceOptions = {}): Promise<ServiceProcess> {
  const ownFolder = options.dataDir === undefined;
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'sluice-service-')));
  await mkdir(dataDir, { recursive: true });
  const port = options.env?.PORT ?? String(await freePort());
  const secret = options.env?.SECRET_KEY ?? randomBytes(32).toString('hex');
  const env = {
    ...machineEnv(),
    HOST: '127.0.0.1',
    PORT: port,
    DATA_DIR: dataDir,
    SECRET_KEY: secret,
    ...options.env,
  };
  const profile = `--${options.profile ?? 'embedded'}`;
  const plain = [process.execPath, ...SERVICE_FLAGS, join(ROOT, 'src/cli.mjs'), 'serve', profile];
  const [program = '', ...args] = options.wrap?.(plain) ?? plain;
  const url = `http://127.0.0.1:${port}`;
  let output = '';
  // One for each life: 'close' comes when nobody holds the outputs any more, so after the last worker, too.
  const closings: Promise<unknown>[] = [];

  async function launch(): Promise<ChildProcess> {
    const started = spawn(program, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    closings.push(new Promise((resolve) => started.once('close', resolve)));
    const killOnExit = () => {
      started.kill('SIGKILL');
      if (ownFolder) rmSync(dataDir, { recursive: true, force: true });
    };
    process.once('exit', killOnExit);
    started.once('exit', () => process.off('exit', killOnExit));
    await untilItListens(started, port, (text) => {
      output += text;
      if (options.logFile !== undefined) appendFileSync(options.logFile, text);
    });
    return started;
  }

  /** Once nobody writes there any more: workers see a moment after their primary's end that it is gone. */
  async function removeFolder(): Promise<void> {
    await Promise.race([Promise.all(closings), pause(WORKERS_DEADLINE_MS, undefined, { ref: false })]);
    if (ownFolder) await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }

  let child = await launch().catch(async (error: unknown) => {
    await removeFolder();
    throw error;
  });

  async function kill(signal: NodeJS.Signals): Promise<number | null> {
    if (hasEnded(child)) return child.exitCode;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
    return child.exitCode;
  }

  return {
    url,
    dataDir,
    secret,
    get pid() {
      return child.pid ?? 0;
    },
    get output() {
      return output;
    },
    get running() {
      return !hasEnded(child);
    },
    token: (tokenOptions) => signAccessToken(secret, tokenOptions),
    kill,
    async restart() {
      await kill('SIGKILL');
      child = await launch();
    },
    async stop() {
      await kill('SIGKILL');
      await removeFolder();
    },
  };
}

/** The variables of this machine that have nothing to do with the service's configuration. */
function machineEnv(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', 'NODE_COMPILE_CACHE'];
  return Object.fromEntries(
    kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

async function untilItListens(
  child: ChildProcess,
  port: string,
  keep: (text: string) => void,
): Promise<void> {
  let said = '';
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // The outputs are read on for good: a full pipe would stop the service.
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => {
      said += text;
      keep(text);
      const greeted = stream === child.stdout && said.includes(`:${port}`);
      if (greeted || /"url":"[^"]*","profile":"production".*"msg":"listening"/.test(said)) resolve();
    });
  }
  child.once('error', reject);
  child.once('exit', (code, signal) => {
    reject(new Error(`The service ended (${code ?? signal}) before it listened:\n${said}`));
  });
  const deadline = setTimeout(() => {
    child.kill('SIGKILL');
    reject(new Error(`The service printed no address within ${START_DEADLINE_MS / 1000} s:\n${said}`));
  }, START_DEADLINE_MS);
  try {
    await promise;
  } finally {
    clearTimeout(deadline);
  }
}
