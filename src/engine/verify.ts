import { fileTypeFromBuffer } from 'file-type';
import { type Refusal, SluiceError } from '../core/errors.ts';
import type { BlobRef, BlobStore } from '../core/ports.ts';
import { createInlineDigest, type FileDigest } from './file-digest.ts';
import type { Hashing } from './hashing.ts';

/** Bytes in which a container must be recognised; a shorter file is looked at as a whole. */
export const HEAD_BYTES = 4096;

/** Extensions that name the same container as one of the contract's. */
const SAME_CONTAINER: Readonly<Record<string, string>> = { m4v: 'mp4', f4v: 'mp4' };

/** mp4 and mov are both ISO base media files; tools write either name for either brand. */
const FAMILY: Readonly<Record<string, string>> = { mov: 'mp4' };

/** The container that the first bytes of a file show, in lower case; null where it is none that is known. */
export async function recogniseFormat(head: Uint8Array): Promise<string | null> {
  const found = await fileTypeFromBuffer(head);
  return found ? (SAME_CONTAINER[found.ext] ?? found.ext) : null;
}

/** Why this container must not come in, or null where it may. */
export function judgeFormat(
  detected: string | null,
  declared: string | null,
  allowed: readonly string[],
): Refusal | null {
  if (detected === null || !allowed.some((format) => familyOf(format) === familyOf(detected))) {
    return {
      code: 'UNSUPPORTED_FORMAT',
      message: `The file is not of an accepted format. Send one of: ${allowed.join(', ')}.`,
      details: { detected_format: detected, allowed_formats: allowed },
    };
  }
  if (declared !== null && familyOf(detected) !== familyOf(declared)) {
    return {
      code: 'UNSUPPORTED_FORMAT',
      message: `The file was declared as ${declared} but is ${detected}. Start a session for ${detected}.`,
      details: { detected_format: detected, file_format: declared },
    };
  }
  return null;
}

/** An empty file has no format. Refused before anything is changed. */
export const EMPTY_FILE: Refusal = {
  code: 'UNSUPPORTED_FORMAT',
  message: 'The file is empty. Choose a file that has content.',
  details: { detected_format: null },
};

function familyOf(format: string): string {
  return FAMILY[format] ?? format;
}

/** SHA-256 of the first `length` stored bytes, 64 hex digits. Throws where fewer are there. */
export async function digestStored(
  { blobs, hashing }: { readonly blobs: BlobStore; readonly hashing: Hashing },
  ref: BlobRef,
  length: number,
): Promise<string> {
  const digest = hashing.begin(length);
  try {
    await feed(digest, blobs, ref, length);
    const hex = await digest.hex();
    if (hex !== null) return hex;
  } finally {
    digest.drop();
  }
  const again = createInlineDigest();
  await feed(again, blobs, ref, length);
  return again.hex();
}

async function feed(digest: FileDigest, blobs: BlobStore, ref: BlobRef, length: number): Promise<void> {
  let seen = 0;
  for await (const chunk of blobs.read(ref, { length })) {
    const batch = [chunk];
    digest.beside(batch);
    seen += chunk.length;
    digest.release(batch);
    await digest.ready();
  }
  if (seen !== length) {
    throw new SluiceError('STORAGE_UNAVAILABLE', 'The stored bytes are incomplete. Try again in a moment.', {
      cause: new Error(`storage has ${seen} of the ${length} bytes that were acknowledged`),
      bytesAreLost: true,
    });
  }
}

/** The first `length` stored bytes in one piece. */
export async function readHead(blobs: BlobStore, ref: BlobRef, length: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const chunk of blobs.read(ref, { length })) pieces.push(chunk);
  return Buffer.concat(pieces);
}
