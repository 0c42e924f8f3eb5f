import { SluiceError } from '../core/errors.ts';
import type { BlobRef } from '../core/ports.ts';
import type { EngineParts } from './parts.ts';

/**
 * What a writer stored of which the session does not tell. While the upload goes on that is no harm: whoever completes
 * or ends it removes all there is. But a writer can be so slow that this was done before it stored its first byte (it
 * hung in opening, while a newer one sent the file or its owner cancelled), and nobody would come by again before the
 * search for abandoned files, a day later. So it looks itself, once it has closed.
 *
 * @param late where its bytes are, as it tells itself. Never throws for a store that is away: then that search is left.
 */
export async function clearOvertaken(
  { sessions, blobs }: Pick<EngineParts, 'sessions' | 'blobs'>,
  late: BlobRef,
): Promise<void> {
  try {
    const session = await sessions.find(late.sessionId);
    if (!session) return;
    if (session.sealed || session.status === 'completed') {
      const storageKey = blobs.storageKey(session, session.createdAt, session.detectedFormat);
      await blobs.discardOvertaken(late, session, storageKey);
    } else if (session.status !== 'active') {
      await blobs.discard(late, null);
    }
  } catch (fault) {
    if (!(fault instanceof SluiceError)) throw fault;
  }
}
