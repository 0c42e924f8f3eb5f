import { type Refusal, SluiceError } from '../core/errors.ts';
import type { BlobProgress, BlobWriter, JoinedBytes } from '../core/ports.ts';
import type { Session } from '../core/session.ts';
import type { FileDigest } from './file-digest.ts';
import type { Hashing } from './hashing.ts';
import { createIntake, type Intake } from './intake.ts';
import { clearOvertaken } from './overtaken.ts';
import type { EngineDeps } from './parts.ts';
import { readHead } from './verify.ts';

/** The bytes of the partial uploads, or why they make no file we take. */
export type Joined =
  | { readonly kind: 'joined'; readonly bytes: JoinedBytes; readonly digest: string | null }
  | { readonly kind: 'unacceptable'; readonly refusal: Refusal; readonly storage?: string };

interface Joining {
  /** Every writer of the final upload before is known to have stopped. */
  readonly sole: boolean;
  readonly signal: AbortSignal;
  /** The bytes are ours alone from here on. */
  readonly onOpened: () => void;
}

type Deps = Pick<EngineDeps, 'sessions' | 'blobs' | 'uploads'> & { readonly hashing: Hashing };

/** Joins the bytes of partial uploads as those of their final one. Rejects where it is told to stop. */
export function createJoin({ sessions, blobs, uploads, hashing }: Deps) {
  return async function join(
    final: Session,
    partials: readonly Session[],
    { sole, signal, onOpened }: Joining,
  ): Promise<Joined> {
    const joinedThere = await joinInStore(final, partials, signal);
    if (joinedThere) return joinedThere;
    const { sessionId, storage, epoch } = final;
    const length = partials.reduce((sum, { uploadOffset }) => sum + uploadOffset, 0);
    const writer = await blobs.open({ sessionId, storage }, { offset: 0, length, epoch, sole, signal });
    onOpened();
    const digest = hashing.begin(length);
    try {
      return await joinHere(final, partials, { writer, digest }, signal);
    } catch (fault) {
      await clearOvertaken({ sessions, blobs }, { sessionId, storage: writer.progress().storage });
      throw fault;
    } finally {
      digest.drop();
    }
  };

  /** Without the bytes passing through, where the store can do that with these. */
  async function joinInStore(
    final: Session,
    partials: readonly Session[],
    signal: AbortSignal,
  ): Promise<Joined | null> {
    const pieces = partials.map((partial) => ({ ref: partial, bytes: partial.uploadOffset }));
    if (!blobs.joinBlobs) return null;
    const intake = openIntake(final, null);
    for (const partial of partials) {
      const bytes = Math.min(intake.missing, partial.uploadOffset);
      if (bytes === 0) break;
      const refusal = await intake.inspect([await readHead(blobs, partial, bytes)]);
      if (refusal) return { kind: 'unacceptable', refusal };
    }
    const refusal = await intake.conclude();
    if (refusal) return { kind: 'unacceptable', refusal };
    const { epoch } = final;
    const progress = await blobs.joinBlobs(final, { epoch, signal }, pieces);
    return progress && { kind: 'joined', bytes: withFormat(progress, intake), digest: null };
  }

  function openIntake(session: Session, digest: FileDigest | null): Intake {
    const { allowedFormats } = uploads.limits;
    return createIntake({ session, allowedFormats, head: new Uint8Array(0), digest, check: undefined });
  }

  async function joinHere(
    final: Session,
    partials: readonly Session[],
    { writer, digest }: { readonly writer: BlobWriter; readonly digest: FileDigest },
    signal: AbortSignal,
  ): Promise<Joined> {
    const intake = openIntake(final, digest);
    let refusal: Refusal | null = null;
    try {
      for (const partial of partials) {
        refusal ??= await copy(partial, writer, intake, signal);
        if (refusal) break;
      }
    } finally {
      await writer.close();
    }
    refusal ??= await intake.conclude();
    const progress = writer.progress();
    if (refusal) return { kind: 'unacceptable', refusal, storage: progress.storage };
    // A writer that is told to stop takes in no more, without saying so.
    signal.throwIfAborted();
    return { kind: 'joined', bytes: withFormat(progress, intake), digest: await digest.hex() };
  }

  /** Acknowledged bytes never change while the upload goes on, so whoever else writes to it does not matter. */
  async function copy(partial: Session, writer: BlobWriter, intake: Intake, signal: AbortSignal) {
    const length = partial.uploadOffset;
    let copied = 0;
    for await (const chunk of blobs.read(partial, { length, signal })) {
      signal.throwIfAborted();
      const batch = [chunk];
      const unacceptable = await intake.inspect(batch);
      if (unacceptable) return unacceptable;
      copied += chunk.length;
      await intake.store(batch, writer);
      await intake.ready();
    }
    if (copied === length) return null;
    throw new SluiceError('STORAGE_UNAVAILABLE', 'The stored bytes are incomplete. Try again in a moment.', {
      cause: new Error(`storage has ${copied} of the ${length} bytes of ${partial.sessionId}`),
    });
  }
}

function withFormat(progress: BlobProgress, { format }: Intake): JoinedBytes {
  return { ...progress, ...(format !== null && { detectedFormat: format }) };
}
