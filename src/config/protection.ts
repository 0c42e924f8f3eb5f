import type { Settings } from './variables.ts';

/** Limits and keys that protect the service. Rates are per minute; 0 turns a limit off. */
export interface Protection {
  readonly rates: {
    readonly initiate: number;
    readonly validate: number;
    readonly address: number;
    readonly failedAuthentication: number;
  };
  readonly connections: {
    /** 0 for no limit. */
    readonly perAddress: number;
    readonly maxHeaderBytes: number;
    readonly headersTimeoutMs: number;
    readonly bodyTimeoutMs: number;
  };
  /** The first one encrypts, all decrypt; empty leaves session data as they are. */
  readonly encryptionKeys: readonly EncryptionKey[];
  /** Null where files are not scanned. */
  readonly clamd: ClamdAddress | null;
}

export interface EncryptionKey {
  readonly id: string;
  /** 32 bytes. */
  readonly key: Buffer;
}

export interface ClamdAddress {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly failOpen: boolean;
}

/** Faults are added to `faults`. */
export function readProtection(settings: Settings, faults: string[]): Protection {
  return {
    rates: {
      initiate: settings.RATE_LIMIT_INITIATE,
      validate: settings.RATE_LIMIT_VALIDATE,
      address: settings.RATE_LIMIT_ADDRESS,
      failedAuthentication: settings.RATE_LIMIT_FAILED_AUTH,
    },
    connections: {
      perAddress: settings.MAX_CONNECTIONS_PER_ADDRESS,
      maxHeaderBytes: settings.MAX_HEADER_SIZE,
      headersTimeoutMs: settings.HEADERS_TIMEOUT * 1000,
      bodyTimeoutMs: settings.BODY_TIMEOUT * 1000,
    },
    encryptionKeys: readEncryptionKeys(settings.SESSION_ENCRYPTION_KEYS, faults),
    clamd: readClamd(settings),
  };
}

const KEY_BYTES = 32;
const KEY = /^([\w-]{1,32}):([A-Za-z0-9+/_-]{43})=?$/;

function readEncryptionKeys(entries: readonly string[], faults: string[]): EncryptionKey[] {
  const keys: EncryptionKey[] = [];
  for (const [index, entry] of entries.entries()) {
    const [, id = '', encoded = ''] = KEY.exec(entry) ?? [];
    const key = Buffer.from(encoded, 'base64');
    // A secret is not shown: the entry is named by its place.
    if (key.length !== KEY_BYTES) {
      faults.push(
        `SESSION_ENCRYPTION_KEYS: entry ${index + 1} is not an id, a colon and ${KEY_BYTES} bytes in base64: openssl rand -base64 32.`,
      );
    } else if (keys.some((other) => other.id === id)) {
      faults.push(`SESSION_ENCRYPTION_KEYS: two keys have the id ${id}. Give each its own.`);
    } else {
      keys.push({ id, key });
    }
  }
  return keys;
}

function readClamd(settings: Settings): ClamdAddress | null {
  if (settings.CLAMD_HOST === undefined) return null;
  return {
    host: settings.CLAMD_HOST,
    port: settings.CLAMD_PORT,
    timeoutMs: settings.CLAMD_TIMEOUT * 1000,
    failOpen: settings.CLAMD_FAIL_OPEN,
  };
}
