import type { StopOrder } from '../core/ports/writer-signals.ts';
import type { BlobStore, Concatenation, DirectBlobs, Events, Scanner, SessionStore } from '../core/ports.ts';
import type { Uploads } from '../core/uploads.ts';
import type { Gathering } from './gathering.ts';
import type { Hashing } from './hashing.ts';
import type { EngineLimits } from './limits.ts';
import type { RunningDigests } from './running-digests.ts';

export interface EngineDeps {
  readonly sessions: SessionStore & Concatenation;
  readonly blobs: BlobStore;
  readonly uploads: Pick<Uploads, 'limits' | 'complete' | 'fail' | 'cancel'>;
  readonly events: Events;
  /** Left out: files are not scanned. */
  readonly scanner?: Scanner;
  /** Uploads whose bytes do not come through here. */
  readonly direct?: Pick<DirectBlobs, 'plan'> | null;
  /** Name of this process, unlike that of any other that ever ran. */
  readonly instance: string;
  readonly limits?: Partial<EngineLimits>;
  /** Closed with the engine. Left out: one of its own. */
  readonly hashing?: Hashing;
  /**
   * Have another process stop writing a session, within `takeoverMs`. True where it is known that it does not
   * write any more. Left out: nobody can be asked, so the bytes are copied away from under an old writer.
   */
  readonly stopRemoteWriter?: (instance: string, sessionId: string, order: StopOrder) => Promise<boolean>;
}

/** What the steps of a transfer share. */
export interface EngineParts extends Pick<EngineDeps, 'sessions' | 'blobs' | 'uploads' | 'events'> {
  readonly limits: EngineLimits;
  readonly digests: RunningDigests;
  readonly gathering: Gathering;
}
