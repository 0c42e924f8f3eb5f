import { join } from 'node:path';
import { FILE_FORMATS } from '../core/session.ts';
import type { Limits } from '../core/uploads.ts';
import type { Profile } from './parse.ts';
import type { Settings } from './variables.ts';

/** Rules that join several variables, or a variable and the profile. Faults are added to `faults`. */

export function readLimits(settings: Settings, given: ReadonlySet<string>, faults: string[]): Limits {
  const { UPLOAD_SESSION_TTL: ttl, UPLOAD_SESSION_MAX_LIFETIME: lifetime } = settings;
  if (lifetime < ttl && given.has('UPLOAD_SESSION_MAX_LIFETIME')) {
    faults.push(
      `UPLOAD_SESSION_MAX_LIFETIME: ${lifetime} is less than UPLOAD_SESSION_TTL (${ttl}). Raise it, or lower the other.`,
    );
  }
  return {
    maxFileSize: settings.UPLOAD_MAX_FILE_SIZE,
    sessionTtlMs: ttl * 1000,
    // The default gives way to a longer time to live.
    maxLifetimeMs: Math.max(lifetime, ttl) * 1000,
    maxActiveSessions: settings.UPLOAD_MAX_ACTIVE_SESSIONS,
    allowedFormats: readFormats(settings.UPLOAD_ALLOWED_FORMATS, faults),
  };
}

function readFormats(formats: readonly string[], faults: string[]): readonly string[] | '*' {
  if (formats.length === 1 && formats[0] === '*') return '*';
  const lower = formats.map((format) => format.toLowerCase());
  const known: readonly string[] = FILE_FORMATS;
  for (const format of lower) {
    if (!known.includes(format)) {
      faults.push(
        `UPLOAD_ALLOWED_FORMATS: ${JSON.stringify(format)} is not one of ${known.join(', ')}, nor * alone.`,
      );
    }
  }
  return [...new Set(lower)];
}

/** PostgreSQL where it is named, which the production profile must do; else a file in the data folder. */
export function readLedger(
  { DATABASE_URL: databaseUrl }: Settings,
  { profile, dataDir }: { readonly profile: Profile; readonly dataDir: string },
  faults: string[],
): LedgerPlace {
  if (databaseUrl !== undefined) {
    if (!/^postgres(ql)?:\/\/[^/]+\/[^/?]+/.test(databaseUrl)) {
      faults.push('DATABASE_URL: its value is not postgres://user:password@host:port/name.');
    }
    return { backend: 'postgresql', databaseUrl };
  }
  if (profile === 'production') {
    faults.push('DATABASE_URL: is not set. Name the PostgreSQL database that keeps the ledger.');
  }
  return { backend: 'sqlite', file: join(dataDir, 'ledger.db') };
}

export type LedgerPlace =
  | { readonly backend: 'sqlite'; readonly file: string }
  | { readonly backend: 'postgresql'; readonly databaseUrl: string };
