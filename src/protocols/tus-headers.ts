import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Session } from '../core/session.ts';
import type { Limits } from '../core/uploads.ts';
import { type Exchange, refuseHeader } from './exchange.ts';
import { CHECKSUM_ALGORITHMS } from './tus-checksum.ts';

/** Headers of the tus resumable upload protocol, 1.0.0 (https://tus.io/protocols/resumable-upload). */

export const TUS_VERSION = '1.0.0';
const TUS_EXTENSIONS = [
  'creation',
  'creation-with-upload',
  'creation-defer-length',
  'termination',
  'checksum',
  'checksum-trailer',
  'expiration',
  'concatenation',
].join(',');
export const OFFSET_CONTENT_TYPE = 'application/offset+octet-stream';

const DIGITS = /^(0|[1-9][0-9]{0,15})$/;

/** A non-negative whole number in plain decimal digits, up to 2^53 − 1; null for anything else. */
export function parseByteCount(text: string | string[] | undefined): number | null {
  if (typeof text !== 'string' || !DIGITS.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}

/** What a creation says of its length: bytes, or that it comes later. Null where it says both, neither or nonsense. */
export function parseCreationLength(headers: IncomingHttpHeaders): { readonly length: number | null } | null {
  const sent = headers['upload-length'];
  const deferred = headers['upload-defer-length'];
  if (deferred !== undefined) return deferred === '1' && sent === undefined ? { length: null } : null;
  const length = parseByteCount(sent);
  return length === null ? null : { length };
}

/** The media type alone, in lower case. */
export function mediaTypeOf(contentType: string | undefined): string | null {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? null;
}

export function tellVersion(reply: FastifyReply): void {
  reply.header('tus-resumable', TUS_VERSION);
}

export function tellCapabilities(reply: FastifyReply, limits: Limits): void {
  reply.header('tus-version', TUS_VERSION);
  reply.header('tus-extension', TUS_EXTENSIONS);
  reply.header('tus-max-size', limits.maxFileSize);
  reply.header('tus-checksum-algorithm', CHECKSUM_ALGORITHMS);
}

/** Offset, and when the bytes go away unless more come (a moment that only unfinished uploads have). */
export function tellOffset(reply: FastifyReply, session: Session): void {
  reply.header('upload-offset', session.uploadOffset);
  tellExpiry(reply, session);
}

export function tellExpiry(reply: FastifyReply, session: Session): void {
  if (session.status === 'active') {
    reply.header('upload-expires', new Date(session.expiresAt).toUTCString());
  }
}

/** 400: another algorithm, or a digest that is none. */
export function refuseChecksum(exchange: Exchange): Promise<FastifyReply> {
  return refuseHeader(exchange, {
    path: 'header/upload-checksum',
    message: `must be one of ${CHECKSUM_ALGORITHMS}, a space, and the digest in base64`,
  });
}
