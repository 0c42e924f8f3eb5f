import { EXIT, failure } from '../cli/command.ts';
import { describeRedis, type RedisAddress } from '../config/redis.ts';
import { NEWER_SCHEMA } from '../stores/sql/newer-schema.ts';

/** `code` of an error that only another configuration mends. Its message says what to mend, and holds no secret. */
export const STORE_REFUSES = 'SLUICE_STORE_REFUSES';

/**
 * A server that is away comes back by itself, and the service starts without it. One that answers and refuses us does
 * not: who deploys should hear it at once, and not find 503 later.
 */
export function redisRefusal(address: RedisAddress, fault: unknown): Error | null {
  const server = `Redis (${describeRedis(address)})`;
  const variables =
    'sentinels' in address
      ? 'REDIS_USERNAME and REDIS_PASSWORD, REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD'
      : 'REDIS_USERNAME and REDIS_PASSWORD, or REDIS_URL';
  for (const { message } of causesOf(fault)) {
    const reply = /\b(WRONGPASS|NOAUTH|NOPERM)\b/.exec(message)?.[1];
    if (reply === 'NOPERM')
      return refusal(`${server} lets this user do too little: ${message} Mend its ACL.`);
    if (reply) return refusal(`${server} refuses the user or password (${reply}). Mend ${variables}.`);
  }
  return refusedCertificate(server, fault, 'REDIS_TLS');
}

/** SQLSTATE (PostgreSQL, appendix A): a wrong user or password, no such user, no such database. */
const LEDGER_REFUSALS: ReadonlyMap<string, string> = new Map([
  ['28P01', 'the user or password'],
  ['28000', 'the user or the way it connects'],
  ['3D000', 'the database, which does not exist,'],
]);

export function ledgerRefusal(databaseUrl: string, fault: unknown): Error | null {
  const server = `PostgreSQL (${URL.parse(databaseUrl)?.host ?? 'of DATABASE_URL'})`;
  for (const { code } of causesOf(fault)) {
    const what = LEDGER_REFUSALS.get(code);
    if (what) return refusal(`${server} refuses ${what} (${code}). Mend DATABASE_URL.`);
  }
  return schemaRefusal(server, fault) ?? refusedCertificate(server, fault, 'sslmode in DATABASE_URL');
}

/** What `open` gives. After a rollback the file's schema is newer than this program, which no restart mends. */
export function openFileOrRefuse<T>(file: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw schemaRefusal(file, error) ?? error;
  }
}

function schemaRefusal(database: string, fault: unknown): Error | null {
  for (const { code, message } of causesOf(fault)) {
    if (code !== NEWER_SCHEMA) continue;
    return refusal(
      `${database} was written by a newer version of this program (${message}). Start that version, or a newer one.`,
    );
  }
  return null;
}

/** Codes that OpenSSL's verification gives, as Node names them (nodejs.org/api/tls.html, "X509 certificate error codes"). */
const NOT_TRUSTED = /^(UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_IN_CHAIN$|CERT_|INVALID_CA$)/;

function refusedCertificate(server: string, fault: unknown, setting: string): Error | null {
  for (const { code } of causesOf(fault)) {
    if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
      return refusal(`The certificate of ${server} is for another name (${code}). Use the name it is for.`);
    }
    if (NOT_TRUSTED.test(code)) {
      return refusal(
        `The certificate of ${server} is not trusted (${code}). Name the file of its authority in NODE_EXTRA_CA_CERTS.`,
      );
    }
    if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') {
      return refusal(`${server} does not speak TLS (${code}). Mend its port, or ${setting}.`);
    }
  }
  return null;
}

/** The error, and what it names as its reasons; clients of a Cluster and of Sentinels wrap them. */
function* causesOf(fault: unknown): Generator<{ code: string; message: string }> {
  let next = fault;
  for (let depth = 0; next instanceof Error && depth < 5; depth += 1) {
    const { code, cause, lastNodeError, message } = next as Error & {
      readonly code?: unknown;
      readonly lastNodeError?: unknown;
    };
    yield { code: typeof code === 'string' ? code : '', message };
    next = lastNodeError ?? cause;
  }
}

function refusal(message: string): Error {
  return Object.assign(failure(EXIT.configuration, message), { code: STORE_REFUSES });
}
