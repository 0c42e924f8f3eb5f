import { accepted, type Outcome, type Refusal } from '../core/errors.ts';
import type { BlobStore, Events, Scanner } from '../core/ports.ts';
import type { Session } from '../core/session.ts';
import type { Uploads } from '../core/uploads.ts';
import { DIGEST_MISMATCH } from './append.ts';
import type { Hashing } from './hashing.ts';
import { digestStored } from './verify.ts';

/**
 * From sealed to completed. Every step may be repeated (a digest compared, `Uploads.complete`), so whoever
 * finds a sealed session, after a crash or because a client repeats its final request, may finish it; within
 * this process they all wait for the same run.
 */
export interface Completion {
  /**
   * @param digest SHA-256 taken on the way, 64 hex digits; null reads the stored bytes again.
   */
  finish(sealed: Session, digest: string | null): Promise<Outcome<Session>>;
  /** Resolves when none is under way. */
  idle(): Promise<void>;
}

const INFECTED: Refusal = {
  code: 'INFECTED',
  message: 'Malware was found in the file, and it was deleted. Check the device it came from.',
};

export function createCompletion(deps: {
  readonly uploads: Pick<Uploads, 'complete' | 'fail'>;
  readonly blobs: BlobStore;
  readonly events: Events;
  readonly hashing: Hashing;
  /** Left out: files are not scanned. */
  readonly scanner?: Scanner;
}): Completion {
  const { uploads, blobs, events, hashing, scanner } = deps;
  const underWay = new Map<string, Promise<Outcome<Session>>>();

  async function run(sealed: Session, known: string | null): Promise<Outcome<Session>> {
    const { sessionId, userId, uploadOffset, uploadLength } = sealed;
    events.emit({ type: 'verifying', sessionId, userId, uploadOffset, uploadLength });
    const digest = known ?? (await digestStored({ blobs, hashing }, sealed, uploadOffset));
    if (sealed.sha256 !== null && sealed.sha256 !== digest) return fail(sealed, DIGEST_MISMATCH);

    const verdict = await scanner?.scan(sessionId, blobs.read(sealed, { length: uploadOffset }));
    return verdict?.kind === 'infected' ? fail(sealed, INFECTED) : uploads.complete(sealed, digest);
  }

  async function fail(sealed: Session, refusal: Refusal): Promise<Outcome<Session>> {
    const { code, message } = refusal;
    const ended = await uploads.fail(sealed, { error_code: code, error_message: message });
    return ended.status === 'completed' ? accepted(ended) : { ok: false, refusal };
  }

  return {
    finish(sealed, digest) {
      const { sessionId } = sealed;
      const running = underWay.get(sessionId);
      if (running) return running;
      const started = run(sealed, digest).finally(() => underWay.delete(sessionId));
      underWay.set(sessionId, started);
      return started;
    },

    async idle() {
      await Promise.allSettled(underWay.values());
    },
  };
}
