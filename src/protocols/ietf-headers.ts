import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import { type Item, parseDictionary, parseItem } from 'structured-headers';
import type { Session } from '../core/session.ts';
import type { Limits } from '../core/uploads.ts';

/**
 * Header fields of draft-ietf-httpbis-resumable-upload (sections 4.1, and "Draft Version Identification") and
 * of RFC 9530 (digests). They are structured fields (RFC 9651): one that is malformed, or of another type
 * than it has to be, counts as absent.
 */

export const PARTIAL_UPLOAD = 'application/partial-upload';
export const MISMATCHING_OFFSET = 'https://iana.org/assignments/http-problem-types#mismatching-upload-offset';
export const INCONSISTENT_LENGTH =
  'https://iana.org/assignments/http-problem-types#inconsistent-upload-length';

/** Versions that differ from ours in names alone. */
const OLDEST_VERSION = 3;
const NEWEST_VERSION = 8;
/** Up to this version the field was `Upload-Incomplete`, and told the opposite. */
const LAST_WITH_INCOMPLETE = 3;
/** From this version on an append has to be of type `application/partial-upload`. */
const FIRST_WITH_MEDIA_TYPE = 6;

const SHA256_BYTES = 32;

type Header = string | string[] | undefined;

function itemOf(header: Header): Item | null {
  if (typeof header !== 'string') return null;
  try {
    return parseItem(header);
  } catch {
    return null;
  }
}

/** A non-negative Integer. The parser gives Decimals as numbers too, so the text has to tell them apart. */
function integerOf(header: Header): number | null {
  const value = itemOf(header)?.[0];
  if (typeof value !== 'number' || typeof header !== 'string') return null;
  const isDecimal = header.split(';', 1)[0]?.includes('.') ?? true;
  return isDecimal || value < 0 ? null : value;
}

function booleanOf(header: Header): boolean | null {
  const value = itemOf(header)?.[0];
  return typeof value === 'boolean' ? value : null;
}

/** The version that the client speaks, where it is one of ours; null where it names none or another. */
export function interopVersion(headers: IncomingHttpHeaders): number | null {
  const version = integerOf(headers['upload-draft-interop-version']);
  return version !== null && version >= OLDEST_VERSION && version <= NEWEST_VERSION ? version : null;
}

function saysIncomplete(headers: IncomingHttpHeaders): boolean {
  const version = interopVersion(headers);
  return version !== null && version <= LAST_WITH_INCOMPLETE;
}

/** Whether an append of this client has to name its media type. */
export function needsMediaType(headers: IncomingHttpHeaders): boolean {
  return (interopVersion(headers) ?? NEWEST_VERSION) >= FIRST_WITH_MEDIA_TYPE;
}

/** `Upload-Complete`: whether the upload ends with this request. Null where it is absent. */
export function parseComplete(headers: IncomingHttpHeaders): boolean | null {
  if (!saysIncomplete(headers)) return booleanOf(headers['upload-complete']);
  const incomplete = booleanOf(headers['upload-incomplete']);
  return incomplete === null ? null : !incomplete;
}

export function parseOffset(headers: IncomingHttpHeaders): number | null {
  return integerOf(headers['upload-offset']);
}

/** `Upload-Length`: bytes of the whole representation. Null where it is absent. */
export function parseLength(headers: IncomingHttpHeaders): number | null {
  return integerOf(headers['upload-length']);
}

/** The SHA-256 of a digest field (RFC 9530); null where it is absent or holds other algorithms only. */
export function parseSha256(header: Header): Buffer | null {
  if (typeof header !== 'string') return null;
  try {
    const value = parseDictionary(header).get('sha-256')?.[0];
    const digest = value instanceof ArrayBuffer || ArrayBuffer.isView(value) ? bytesOf(value) : null;
    return digest?.length === SHA256_BYTES ? digest : null;
  } catch {
    return null;
  }
}

/** `Want-Repr-Digest` (RFC 9530, section 4): whether the client asks for the SHA-256 of the whole. */
export function wantsSha256(headers: IncomingHttpHeaders): boolean {
  const header = headers['want-repr-digest'];
  if (typeof header !== 'string') return false;
  try {
    const preference = parseDictionary(header).get('sha-256')?.[0];
    return typeof preference === 'number' && preference > 0;
  } catch {
    return false;
  }
}

function bytesOf(source: ArrayBuffer | ArrayBufferView): Buffer {
  if (source instanceof ArrayBuffer) return Buffer.from(source);
  return Buffer.from(source.buffer, source.byteOffset, source.byteLength);
}

export function tellComplete(reply: FastifyReply, complete: boolean): void {
  if (saysIncomplete(reply.request.headers)) reply.header('upload-incomplete', complete ? '?0' : '?1');
  else reply.header('upload-complete', complete ? '?1' : '?0');
}

/** What holds for any upload before it is created. */
export function generalLimit(limits: Limits): string {
  return `max-size=${limits.maxFileSize}`;
}

/** What holds for this upload from now (milliseconds) on. */
export function sessionLimit(session: Session, now: number): string {
  const size = Math.min(session.maxFileSize, session.uploadLength ?? session.maxFileSize);
  const age = Math.max(0, Math.floor((session.expiresAt - now) / 1000));
  return `max-size=${size}, max-age=${age}`;
}

/** Offset, completeness, length if known, limits: what offset retrieval has to tell. */
export function tellState(reply: FastifyReply, session: Session): void {
  const length = session.uploadLength ?? session.expectedFileSize;
  reply.header('upload-offset', session.uploadOffset);
  tellComplete(reply, session.status === 'completed');
  if (length !== null) reply.header('upload-length', length);
  reply.header('upload-limit', sessionLimit(session, Date.now()));
  reply.header('cache-control', 'no-store');
}
