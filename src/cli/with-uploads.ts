import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { pino } from 'pino';
import type { Config } from '../config.ts';
import type { Administration } from '../core/administration.ts';
import { SluiceError } from '../core/errors.ts';
import type { Session } from '../core/session.ts';
import type { Uploads } from '../core/uploads.ts';
import { type Audit, auditSessions } from '../log/audit.ts';
import { createLogger } from '../log/logger.ts';
import { openAudit } from '../main/open-protection.ts';
import { openStores, type Stores } from '../main/open-stores.ts';
import { composeAdministration, composeUploads } from '../main.ts';
import { EXIT, failure } from './command.ts';

/** What commands work with. */
interface Workplace {
  readonly uploads: Uploads;
  readonly stores: Stores;
  readonly administration: Administration;
  /** Lines go to standard error, as those of the service do; results are on standard output. */
  readonly audit: Audit;
  /** Who is at work here, for audit lines. */
  readonly by: string;
}

/** Runs `work` on the configured stores, beside a running service or without one, and closes them. */
export async function withUploads<T>(config: Config, work: (place: Workplace) => Promise<T>): Promise<T> {
  const silent = pino({ level: 'silent' });
  // Whatever LOG_LEVEL says: who changes something by a command leaves a trace.
  const destination = pino.destination({ fd: process.stderr.fd, sync: true });
  const audit = openAudit(config, createLogger({ level: 'info', destination }));
  const stores = await openStores(config, silent, audit);
  const uploads = composeUploads(config, stores, silent, auditSessions(audit));
  const instance = randomUUID();
  const signals = stores.writerSignals?.(instance) ?? null;

  async function cancel(session: Session) {
    // Without a line to its process the writer finds out at its next commit, and deletes what it has.
    const order = { epoch: Number.MAX_SAFE_INTEGER, reason: 'cancelled' } as const;
    if (session.writer !== null) await signals?.stop(session.writer, session.sessionId, order);
    return uploads.cancel(session);
  }

  try {
    const administration = composeAdministration(config, stores, cancel);
    return await work({ uploads, stores, administration, audit, by: `cli:${nameOfUser()}` });
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    throw failure(EXIT.unavailable, `${error.message} "sluice doctor" says what is wrong.`);
  } finally {
    signals?.close();
    await stores.close();
  }
}

function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    // Containers give numbers to users whom no file names.
    return String(process.getuid?.() ?? 'unknown');
  }
}
