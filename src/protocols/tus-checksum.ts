import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import crc32c from 'crc-32/crc32c.js';
import type { BodyCheck } from '../engine/append.ts';

/**
 * tus extensions "checksum" and "checksum-trailer": the digest of one request's bytes, as
 * `Upload-Checksum: <algorithm> <base64>` before the body, or after it in a trailer that `Trailer` announces.
 */

interface Digest {
  update(bytes: Uint8Array): void;
  digest(): Buffer;
}

const ALGORITHMS: Readonly<Record<string, { readonly bytes: number; begin(): Digest }>> = {
  sha1: { bytes: 20, begin: () => hashOf('sha1') },
  sha256: { bytes: 32, begin: () => hashOf('sha256') },
  crc32c: { bytes: 4, begin: crcOf },
};

export const CHECKSUM_ALGORITHMS = Object.keys(ALGORITHMS).join(',');

function hashOf(algorithm: string): Digest {
  const hash = createHash(algorithm);
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
}

/** Castagnoli's CRC (RFC 9260, appendix A), its four bytes in network order. */
function crcOf(): Digest {
  let crc = 0;
  return {
    update(bytes) {
      crc = crc32c.buf(bytes, crc);
    },
    digest() {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32BE(crc);
      return bytes;
    },
  };
}

interface Checksum {
  readonly algorithm: string;
  readonly digest: Buffer;
}

/** Null where it is no checksum of an algorithm we know, spelled as the extension wants it. */
function parseChecksum(header: string): Checksum | null {
  const [name = '', base64 = '', ...more] = header.split(' ');
  const algorithm = Object.hasOwn(ALGORITHMS, name) ? ALGORITHMS[name] : undefined;
  const digest = Buffer.from(base64, 'base64');
  const isExact = digest.length === algorithm?.bytes && digest.toString('base64') === base64;
  return isExact && more.length === 0 ? { algorithm: name, digest } : null;
}

/** What to hold the body against: null where nothing is asked for; `invalid` where it cannot be done. */
export function checksumOf(request: IncomingMessage): BodyCheck | null | 'invalid' {
  const header = request.headers['upload-checksum'];
  if (header !== undefined) {
    const checksum = typeof header === 'string' ? parseChecksum(header) : null;
    return checksum ? checkAgainst([checksum.algorithm], () => checksum) : 'invalid';
  }
  const announced = request.headers.trailer?.split(',').some((name) => name.trim().toLowerCase() === FIELD);
  if (!announced) return null;
  // Which algorithm it will be is known only once the trailer is there, so all of them go along.
  return checkAgainst(Object.keys(ALGORITHMS), () => parseChecksum(request.trailers[FIELD] ?? ''));
}

const FIELD = 'upload-checksum';

function checkAgainst(algorithms: readonly string[], expected: () => Checksum | null): BodyCheck {
  const running = new Map(algorithms.map((name) => [name, ALGORITHMS[name]?.begin()]));
  return {
    update(bytes) {
      for (const digest of running.values()) digest?.update(bytes);
    },
    matches() {
      const checksum = expected();
      if (!checksum) return false;
      return running.get(checksum.algorithm)?.digest().equals(checksum.digest) ?? false;
    },
  };
}
