import { createHash, createHmac, randomUUID } from 'node:crypto';

/**
 * Session ids are UUIDv4 whose first 12 bits (three hex digits) name the owner's shard. A UUIDv4 fixes
 * only bits 48–51 and 64–65 (RFC 9562, section 5.4), so the id stays valid and keeps 110 random bits,
 * while any instance finds all keys of a session, on one slot of a Redis Cluster, from the id alone.
 */

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Number of shards: every value of three hex digits. */
export const SHARD_COUNT = 4096;

/** Lower-case form of a UUID of any version, or null where the text is not an 8-4-4-4-12 hex UUID. */
export function parseUuid(text: string): string | null {
  const lower = text.toLowerCase();
  return UUID.test(lower) ? lower : null;
}

/** The user's shard, three hex digits. Keyed, so that nobody can choose user ids that crowd one shard. */
export function shardOfUser(idKey: Uint8Array, userId: string): string {
  return createHmac('sha256', idKey).update(userId).digest('hex').slice(0, 3);
}

export function shardOfSession(sessionId: string): string {
  return sessionId.slice(0, 3);
}

export function newSessionId(shard: string): string {
  return shard + randomUUID().slice(3);
}

/**
 * The id of the final upload of these partial uploads, which are of one user, in this order: always the same, so
 * that a creation that is repeated finds what it has made. As unguessable as theirs, of which it is made.
 */
export function finalUploadId(partials: readonly string[]): string {
  const digest = createHash('sha256').update(partials.join(' ')).digest();
  // RFC 9562, section 4: variant and version.
  digest.writeUInt8((digest.readUInt8(8) & 0x3f) | 0x80, 8);
  digest.writeUInt8((digest.readUInt8(6) & 0x0f) | 0x40, 6);
  const hex = shardOfSession(partials[0] ?? '') + digest.toString('hex', 0, 16).slice(3);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Every shard name in order, `000` to `fff`. */
export function* allShards(): Generator<string> {
  for (let n = 0; n < SHARD_COUNT; n += 1) yield n.toString(16).padStart(3, '0');
}
