import { flushCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type Logger, pino } from 'pino';
import { describeMistyped } from '../config/mistyped.ts';
import { describeRedis } from '../config/redis.ts';
import type { Config } from '../config.ts';
import { gatherLines } from '../log/gather-lines.ts';
import { createLogger } from '../log/logger.ts';
import type { Service } from '../main.ts';
import { primary, superviseWorkers } from '../workers.ts';
import { signAccessToken } from './access-token.ts';
import { boundGarbage } from './bound-garbage.ts';
import { type Command, EXIT, failure, readArgs } from './command.ts';
import { configurationFor, profileOf } from './configuration.ts';
import { DEVELOPER, DEVELOPER_TTL, greeting } from './greeting.ts';

/** Milliseconds for everything to end once the process was told to; then it ends all the same. */
const STOP_DEADLINE_MS = 15_000;
/** What workers get beyond that before they are killed, in milliseconds. */
const WORKERS_SPARE_MS = 2_000;

export const serve: Command = {
  help: `Usage: sluice serve [--embedded]

Listens on HOST and PORT. Logs are JSON lines on standard error. The embedded profile also prints its
address, that of its page, a development token and two commands that upload a first video. SIGTERM and SIGINT stop it:
running uploads keep what they have sent.`,

  async run(args) {
    const { values } = readArgs(args, {});
    const config = configurationFor(profileOf(values.embedded ? values : { production: true }));
    const destination = gatherLines(pino.destination({ fd: process.stderr.fd, sync: true }));
    const context = config.traces ? (await import('../tracing/current.ts')).traceFields : undefined;
    const log = createLogger({ level: config.logLevel, destination, context });
    if (!primary.isThere) {
      for (const one of config.mistyped) log.warn({ variable: one.name }, describeMistyped(one));
    }
    const stopped = untilToldToStop();
    const listening = async (url: string) => {
      log.info({ url, profile: config.profile, workers: config.workers }, 'listening');
      if (config.profile === 'embedded') await greet(config, url, values.json === true);
    };
    if (config.workers > 1 && !primary.isThere) {
      if (config.metrics) (await import('../metrics/worker-reports.ts')).relayReports();
      return superviseWorkers({
        count: config.workers,
        program: fileURLToPath(new URL('../cli.mjs', import.meta.url)),
        args: ['serve', ...args],
        stopped,
        stopDeadlineMs: STOP_DEADLINE_MS + WORKERS_SPARE_MS,
        onListening: listening,
        log,
      });
    }

    try {
      return await runService(config, log, { stopped, listening });
    } finally {
      primary.leave();
    }
  },
};

async function runService(
  config: Config,
  log: Logger,
  { stopped, listening }: { stopped: Promise<NodeJS.Signals>; listening: (url: string) => Promise<void> },
): Promise<number> {
  const service = await startOrExplain(config, log);
  if (primary.isThere) {
    primary.tellListening(service.url, () => {
      log.info({}, 'this worker sweeps, reconciles and delivers events for all');
      service.takeDuties();
    });
  } else {
    await listening(service.url);
  }
  // Else only a process that ends by itself leaves what it has compiled to the next start.
  flushCompileCache();
  if (config.storage.backend === 's3') boundGarbage();
  const signal = await stopped;
  log.info({ signal }, 'stopping');
  process.once(signal, () => process.exit(EXIT.failed));
  setTimeout(() => process.exit(EXIT.failed), STOP_DEADLINE_MS).unref();
  await service.close();
  return EXIT.ok;
}

async function startOrExplain(config: Config, log: Logger): Promise<Service> {
  // Loaded late: the primary of several workers needs nothing of it.
  const { DATA_DIR_IN_USE, startService } = await import('../main.ts');
  try {
    return await startService(config, log);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    switch (code) {
      case 'EADDRINUSE':
        throw failure(
          EXIT.unavailable,
          `Port ${config.port} on ${config.host} is taken. Stop what listens there, or set PORT to another.`,
        );
      case 'EADDRNOTAVAIL':
        throw failure(
          EXIT.unavailable,
          `This machine has no address ${config.host}. Set HOST to one it has.`,
        );
      case 'EACCES':
        throw failure(
          EXIT.unavailable,
          `This user may not listen on port ${config.port}, or not write to ${config.dataDir}. Set PORT or DATA_DIR.`,
        );
      case DATA_DIR_IN_USE:
        throw failure(
          EXIT.unavailable,
          `Another Sluice is at work in ${config.dataDir}. Stop it, or set DATA_DIR and PORT to others.`,
        );
      default:
        throw error;
    }
  }
}

async function greet(config: Config, url: string, json: boolean): Promise<void> {
  const { token, expiresAt } = await signAccessToken(config, {
    userId: DEVELOPER,
    permissions: ['upload_files', 'create_sessions'],
    ttlSeconds: DEVELOPER_TTL,
  });
  process.stdout.write(
    json
      ? `${JSON.stringify({ url, token, user_id: DEVELOPER, expires_at: expiresAt.toISOString() })}\n`
      : greeting({ url, token, kept: describePlaces(config) }),
  );
}

function describePlaces(config: Config): string {
  const { sessions, storage, ledger } = config;
  const kept = sessions.backend === 'redis' ? `Redis at ${describeRedis(sessions.redis)}` : sessions.file;
  const counted = ledger.backend === 'postgresql' ? 'PostgreSQL' : ledger.file;
  const files = storage.backend === 's3' ? `bucket ${storage.bucket}` : storage.uploadFolder;
  return `Sessions: ${kept}, ledger: ${counted}, files: ${files}`;
}

function untilToldToStop(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, resolve);
  });
}
