import type { Refusal } from '../core/errors.ts';
import type { BlobWriter } from '../core/ports.ts';
import { releaseMemory } from '../core/release-memory.ts';
import type { Session } from '../core/session.ts';
import type { BodyCheck } from './append.ts';
import type { FileDigest } from './file-digest.ts';
import { HEAD_BYTES, judgeFormat, recogniseFormat } from './verify.ts';

/** Looks at the bytes on their way: which container they are, and their digests. */
export interface Intake {
  /** The container, once it is recognised. */
  readonly format: string | null;
  /** Bytes still missing until the container can be recognised; 0 when there is nothing left to find out. */
  readonly missing: number;
  /**
   * Why the bytes cannot become an acceptable file, found in a body that brings a checksum: it counts once the
   * checksum has matched. Until then they may just be the wrong bytes.
   */
  readonly objection: Refusal | null;
  /** Before a batch is stored: why it must not be. */
  inspect(batch: readonly Uint8Array[]): Promise<Refusal | null>;
  /** The file ends here, be it shorter than the head. */
  conclude(): Promise<Refusal | null>;
  /** Stores a batch and digests it on its way. Its memory is given back as soon as both are done. */
  store(batch: readonly Uint8Array[], writer: Pick<BlobWriter, 'write' | 'writeBy'>): Promise<void>;
  /** Resolves once the next batch may be taken: no memory of the one before is left. */
  ready(): Promise<void>;
  /** The digest, given away, where it has seen exactly the first `offset` bytes of the file; else null. */
  giveDigest(offset: number): FileDigest | null;
  /** No more bytes come: frees what was not given away. */
  close(): void;
}

export function createIntake(options: {
  readonly session: Session;
  readonly allowedFormats: readonly string[] | '*';
  /** The first stored bytes, at most HEAD_BYTES of them. Ignored where the container is known already. */
  readonly head: Uint8Array;
  /** Of all bytes stored so far, or null. */
  readonly digest: FileDigest | null;
  readonly check: BodyCheck | undefined;
}): Intake {
  const { session, allowedFormats, check } = options;
  let { digest } = options;
  let format = session.detectedFormat;
  let searching = allowedFormats !== '*' && format === null;
  let head: Uint8Array[] = [options.head];
  let headBytes = options.head.length;
  let digested = session.uploadOffset;
  let objection: Refusal | null = null;

  async function recognise(): Promise<Refusal | null> {
    if (!searching || allowedFormats === '*') return null;
    const detected = await recogniseFormat(Buffer.concat(head));
    const refusal = judgeFormat(detected, session.fileFormat, allowedFormats);
    if (refusal) return refusal;
    format = detected;
    searching = false;
    head = [];
    return null;
  }

  function lookAt(batch: readonly Uint8Array[]): void {
    for (const chunk of batch) {
      check?.update(chunk);
      digested += chunk.length;
    }
  }

  return {
    get objection() {
      return objection;
    },
    get format() {
      return format;
    },
    get missing() {
      return searching ? Math.max(0, HEAD_BYTES - headBytes) : 0;
    },

    async inspect(batch) {
      if (!searching) return null;
      for (const chunk of batch) {
        if (headBytes >= HEAD_BYTES) break;
        // Copied, since the piece is given away to be stored.
        const piece = Uint8Array.prototype.slice.call(chunk, 0, HEAD_BYTES - headBytes);
        head.push(piece);
        headBytes += piece.length;
      }
      if (headBytes < HEAD_BYTES) return null;
      const refusal = await recognise();
      if (!refusal || !check) return refusal;
      objection = refusal;
      searching = false;
      return null;
    },

    conclude: recognise,

    async store(batch, writer) {
      const storeAndDigest = digest?.store;
      if (storeAndDigest && writer.writeBy) {
        // Before, since the pieces are given away.
        lookAt(batch);
        await writer.writeBy(storeAndDigest, batch);
        return;
      }
      const written = writer.write(batch);
      lookAt(batch);
      digest?.beside(batch);
      await written;
      if (digest) digest.release(batch);
      else releaseMemory(batch);
    },

    async ready() {
      await digest?.ready();
    },

    giveDigest(offset) {
      const given = digested === offset ? digest : null;
      if (given) digest = null;
      return given;
    },

    close() {
      digest?.drop();
      digest = null;
    },
  };
}
