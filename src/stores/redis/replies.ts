import type { QuotaSnapshot } from '../../core/quota.ts';
import { type Failure, SESSION_STATUSES, type Session, type SessionStatus } from '../../core/session.ts';
import { shardOfSession } from '../../core/session-id.ts';
import { decodeDocument } from './document.ts';
import { sessionOfName, userOfName } from './names.ts';

/** Readers of what the scripts return. A reply of another shape is a broken script, so they throw. */

export function asList(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new TypeError('A script returned something other than a list.');
  return reply;
}

export function asText(reply: unknown): string {
  if (typeof reply !== 'string') throw new TypeError('A script returned something other than a text.');
  return reply;
}

export function asTexts(reply: unknown): string[] {
  return asList(reply).map(asText);
}

/** Sessions of a shard, by their names. */
export function asSessionIds(shard: string, reply: unknown): string[] {
  return asTexts(reply).map((name) => sessionOfName(shard, name));
}

/** Scripts print numbers as text: a double holds them exactly, Redis' integer replies would do so too. */
export function asNumber(reply: unknown): number {
  const number = Number(asText(reply));
  if (!Number.isSafeInteger(number))
    throw new TypeError('A script returned something other than a whole number.');
  return number;
}

function asJsonList(reply: unknown): readonly unknown[] {
  return asList(JSON.parse(asText(reply)));
}

/** limit, used, reserved, active sessions, end of the period; zero where the account does not have it. */
export function asQuota(reply: unknown): QuotaSnapshot {
  const [limit, used, reserved, active, end] = asJsonList(reply).map((item) =>
    item === false ? 0 : asNumber(item),
  );
  return {
    limitBytes: limit ?? 0,
    usedBytes: used ?? 0,
    reservedBytes: reserved ?? 0,
    activeSessions: active ?? 0,
    resetAt: end ?? 0,
  };
}

/**
 * A JSON list of now, status as a reader must see it, expiry, and the state, then the document or null. The state: fields
 * by name, absent ones at their default. `user` owner, `born` time of creation, `exp` expiry once it was renewed, `max`
 * maximum where it is not the document's, `size` declared bytes, `res` reserved (else `size`), `off` and `len` offset and length, `epoch`, `writer`, `sealed`, `store`,
 * `want` digest that was declared with the last bytes, `fmt` recognised format, `sha` and `done` digest and time of completion, `fail` failure as JSON, `hold`
 * how long an ended session keeps its reservation; `into` the upload it was merged into; `status` once it ended; `ttl` and `life` for renewals.
 */
export function asSession(sessionId: string, reply: unknown): Session {
  const [known, document] = asList(reply);
  const [now, status, expiresAt, ...fields] = asJsonList(known);
  const state = asFields(fields);
  const text = (name: string) => state.get(name) ?? null;
  const number = (name: string) => (state.has(name) ? asNumber(state.get(name)) : null);
  const current = asStatus(status);
  const mergedInto = text('into');
  const { maxFileSize, ...draft } = decodeDocument(document === null ? null : asText(document));
  const owns = current === 'active' || (number('hold') ?? 0) > asNumber(now);
  return {
    sessionId,
    userId: userOfName(asText(state.get('user'))),
    ...draft,
    sha256: draft.sha256 ?? text('want'),
    expectedFileSize: number('size'),
    status: current,
    createdAt: asNumber(state.get('born')),
    expiresAt: asNumber(expiresAt),
    maxFileSize: number('max') ?? maxFileSize ?? number('size') ?? 0,
    reservedBytes: owns ? (number('res') ?? number('size') ?? 0) : 0,
    uploadOffset: number('off') ?? 0,
    uploadLength: number('len') ?? number('size'),
    epoch: number('epoch') ?? 0,
    writer: text('writer'),
    sealed: state.has('sealed'),
    storage: text('store'),
    detectedFormat: text('fmt'),
    contentSha256: text('sha'),
    completedAt: number('done'),
    failure: asFailure(text('fail')),
    ...(mergedInto !== null && { mergedInto: sessionOfName(shardOfSession(sessionId), mergedInto) }),
  };
}

function asFields(flat: unknown): Map<string, string> {
  const items = asTexts(flat);
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < items.length; i += 2) fields.set(items[i] ?? '', items[i + 1] ?? '');
  return fields;
}

function asStatus(reply: unknown): SessionStatus {
  const status = SESSION_STATUSES.find((one) => one === reply);
  if (!status) throw new TypeError('A script returned an unknown status.');
  return status;
}

function asFailure(json: string | null): Failure | null {
  if (json === null) return null;
  const parsed: unknown = JSON.parse(json);
  if (typeof parsed !== 'object' || parsed === null) return null;
  if (!('error_code' in parsed) || !('error_message' in parsed)) return null;
  return { error_code: String(parsed.error_code), error_message: String(parsed.error_message) };
}
