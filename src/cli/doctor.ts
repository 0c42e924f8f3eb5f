import { mkdir, stat, statfs } from 'node:fs/promises';
import { connect } from 'node:net';
import { pino } from 'pino';
import { describeRedis } from '../config/redis.ts';
import { type Config, loadConfig, type Profile } from '../config.ts';
import type { Probe } from '../core/ports.ts';
import { openStores } from '../main/open-stores.ts';
import { type Command, EXIT, print, readArgs } from './command.ts';
import { profileOf } from './configuration.ts';

/** One thing that was looked at. */
interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly message: string;
  /** What to do; where it is not well. */
  readonly advice?: string;
}

export const doctor: Command = {
  help: `Usage: sluice doctor

Looks at the configuration, the session store, the ledger, the storage and the port. Changes nothing but
empty folders and databases that a start would make as well. Exit code 0 where all is well, 78 where the
configuration is wrong, else 1.`,

  async run(args) {
    const { values } = readArgs(args, {});
    const profile = profileOf(values);
    const result = loadConfig(process.env, profile);
    const findings = result.ok
      ? [
          { check: 'configuration', ok: true, message: `valid (${profile} profile)` },
          ...(await examine(result.config)),
        ]
      : result.faults.map((fault) => badConfiguration(profile, fault));
    const healthy = findings.every((finding) => finding.ok);
    print(values.json, { ok: healthy, profile, findings }, findings.map(describe).join('\n'));
    if (!result.ok) return EXIT.configuration;
    return healthy ? EXIT.ok : EXIT.failed;
  },
};

function badConfiguration(profile: Profile, fault: string): Finding {
  return {
    check: 'configuration',
    ok: false,
    message: fault,
    advice: `mend it; docs/config.md describes every variable of the ${profile} profile`,
  };
}

async function examine(config: Config): Promise<Finding[]> {
  return [...(await examineStores(config)), ...(await examineFolders(config)), await examinePort(config)];
}

async function examineStores(config: Config): Promise<Finding[]> {
  let stores: Awaited<ReturnType<typeof openStores>>;
  try {
    stores = await openStores(config, pino({ level: 'silent' }));
  } catch (error) {
    return [
      {
        check: 'databases',
        ok: false,
        message: reasonOf(error),
        advice: `make ${config.dataDir} a folder that this user may write to, or set DATA_DIR`,
      },
    ];
  }
  try {
    const probes: readonly Probe[] = [stores.sessions, stores.ledger, stores.blobs];
    return await Promise.all(probes.map((probe) => examineProbe(config, probe)));
  } finally {
    await stores.close();
  }
}

async function examineProbe(config: Config, probe: Probe): Promise<Finding> {
  try {
    await probe.check();
    return { check: probe.name, ok: true, message: `${probe.backend} answers` };
  } catch (error) {
    return { check: probe.name, ok: false, message: reasonOf(error), advice: adviceFor(config, probe) };
  }
}

function adviceFor(config: Config, probe: Probe): string {
  if (config.sessions.backend === 'redis' && probe.name === 'session_store') {
    return `start Redis at ${describeRedis(config.sessions.redis)}, or set REDIS_HOST, REDIS_PORT and REDIS_PASSWORD to one that runs`;
  }
  if (config.ledger.backend === 'postgresql' && probe.name === 'ledger') {
    return 'start PostgreSQL, or mend DATABASE_URL: its host, user, password and database';
  }
  if (probe.name === 'storage' && config.storage.backend === 's3') {
    return 'mend S3_ENDPOINT, S3_BUCKET_NAME or the keys: the bucket must exist and be open to them';
  }
  if (probe.name === 'storage' && config.storage.backend === 'disk') {
    return `let this user write to ${config.storage.uploadFolder} and ${config.storage.tempFolder}`;
  }
  return `let this user write to ${config.dataDir}`;
}

/** Bytes below which a disk is as good as full. */
const LITTLE_SPACE = 1024 ** 3;

async function examineFolders(config: Config): Promise<Finding[]> {
  if (config.storage.backend !== 'disk') return [];
  const { uploadFolder, tempFolder } = config.storage;
  try {
    await mkdir(uploadFolder, { recursive: true, mode: 0o700 });
    await mkdir(tempFolder, { recursive: true, mode: 0o700 });
    const [uploads, partials, disk] = await Promise.all([
      stat(uploadFolder),
      stat(tempFolder),
      statfs(uploadFolder),
    ]);
    const free = disk.bavail * disk.bsize;
    const one = uploads.dev === partials.dev;
    return [
      {
        check: 'free space',
        ok: free >= LITTLE_SPACE,
        message: `${(free / 1024 ** 3).toFixed(1)} GB free in ${uploadFolder}`,
        ...(free >= LITTLE_SPACE ? {} : { advice: 'make room, or set LOCAL_UPLOAD_FOLDER to another disk' }),
      },
      {
        check: 'file system',
        ok: one,
        message: one ? 'partial and finished files share one' : 'partial and finished files are on two',
        ...(one
          ? {}
          : {
              advice:
                'set LOCAL_TEMP_FOLDER to a folder beside LOCAL_UPLOAD_FOLDER: files are then renamed, not copied',
            }),
      },
    ];
  } catch (error) {
    return [
      {
        check: 'folders',
        ok: false,
        message: reasonOf(error),
        advice: 'let this user make and write to them',
      },
    ];
  }
}

async function examinePort({ host, port }: Config): Promise<Finding> {
  const taken = await new Promise<boolean>((resolve) => {
    const socket = connect({ host: host === '0.0.0.0' ? '127.0.0.1' : host, port, timeout: 1000 });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
  // Taken is well where it is Sluice itself that runs there.
  const message = taken
    ? `something listens on ${host}:${port}, perhaps Sluice itself`
    : `${host}:${port} is free`;
  return { check: 'port', ok: true, message };
}

function describe({ check, ok, message, advice }: Finding): string {
  return `${ok ? 'ok  ' : 'BAD '} ${check.padEnd(14)} ${message}${advice === undefined ? '' : `\n     -> ${advice}`}`;
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const reason = error instanceof Error ? error.message : String(error);
  return cause instanceof Error ? `${reason} (${cause.message})` : reason;
}
