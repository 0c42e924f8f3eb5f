import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { chunked } from '../protocols/raw-http.ts';

/** One request that a writer makes, whatever is going on. */
export interface WriteRequest {
  readonly dialect: 'tus' | 'ietf' | 'put';
  /** Where it believes the upload to be: as it just asked, or as it knew before, or anywhere. */
  readonly belief: 'asked' | 'remembered' | 'wrong';
  /** Share of what is missing that it sends; 1 is all of it. */
  readonly share: number;
  /** Bytes in a chunk; null sends with Content-Length. */
  readonly chunk: number | null;
  /** Share of the body after which the line is cut, and how; null where it is not. */
  readonly cut: { readonly after: number; readonly how: 'close' | 'reset' } | null;
  /** A checksum of the bytes: right; or wrong, with wrong bytes. */
  readonly checksum: 'none' | 'right' | 'wrong';
  /** The very same request twice, at the same time. */
  readonly twice: boolean;
}

const SHARE = fc.integer({ min: 0, max: 1000 }).map((thousandths) => thousandths / 1000);

export function writeRequests(dialects: readonly WriteRequest['dialect'][]): fc.Arbitrary<WriteRequest> {
  return fc.record({
    dialect: fc.constantFrom(...dialects),
    belief: fc.constantFrom('asked', 'asked', 'remembered', 'wrong'),
    share: fc.oneof(fc.constant(1), SHARE),
    chunk: fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 30_000 })),
    cut: fc.oneof(
      fc.constant(null),
      fc.record({
        after: SHARE,
        how: fc.constantFrom('close', 'reset'),
      }),
    ),
    checksum: fc.constantFrom('none', 'none', 'right', 'wrong'),
    twice: fc.boolean(),
  });
}

/** A request as it goes over the line. */
export interface Wire {
  readonly method: 'PATCH' | 'PUT';
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Buffer;
}

/** @param offset Where the writer believes the upload to be. */
export function wireOf(request: WriteRequest, file: Buffer, offset: number): Wire {
  const from = request.dialect === 'put' ? 0 : Math.min(offset, file.length);
  const to =
    request.dialect === 'put' ? file.length : from + Math.floor((file.length - from) * request.share);
  const right = file.subarray(from, to);
  // Wrong bytes come with a checksum that gives them away; a PUT has none.
  const spoilt = request.checksum === 'wrong' && request.dialect !== 'put' && right.length > 0;
  const bytes = spoilt ? Buffer.alloc(right.length, 0xee) : right;
  const inChunks = request.chunk !== null && bytes.length > 0;
  return {
    method: request.dialect === 'put' ? 'PUT' : 'PATCH',
    headers: {
      ...dialectHeaders(request, { offset, complete: to === file.length }),
      ...(request.checksum !== 'none' && checksumHeaders(request, right)),
      ...(inChunks ? { 'transfer-encoding': 'chunked' } : { 'content-length': bytes.length }),
    },
    body: inChunks ? chunked(bytes, { size: request.chunk ?? 1 }) : bytes,
  };
}

function dialectHeaders({ dialect }: WriteRequest, at: { offset: number; complete: boolean }) {
  switch (dialect) {
    case 'put':
      return {};
    case 'tus':
      return {
        'tus-resumable': '1.0.0',
        'content-type': 'application/offset+octet-stream',
        'upload-offset': at.offset,
      };
    case 'ietf':
      return {
        'upload-draft-interop-version': 8,
        'content-type': 'application/partial-upload',
        'upload-offset': at.offset,
        'upload-complete': at.complete ? '?1' : '?0',
      };
  }
}

function checksumHeaders({ dialect }: WriteRequest, bytes: Buffer): Record<string, string> {
  const digest = createHash('sha256').update(bytes).digest('base64');
  if (dialect === 'tus') return { 'upload-checksum': `sha256 ${digest}` };
  return dialect === 'ietf' ? { 'content-digest': `sha-256=:${digest}:` } : {};
}
