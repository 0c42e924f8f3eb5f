import { randomBytes } from 'node:crypto';

/**
 * Names of objects. The file itself is `uploads/{yyyy}/{mm}/{session_id}`, never anything a client chose. What
 * an unfinished upload needs beside its parts lies under `partial/{session_id}/`, apart from the files, so that
 * looking for left-overs never lists what is finished, and a bucket may expire that folder by itself.
 */

const FILE = /^uploads\/\d{4}\/\d{2}\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;
const SIDE =
  /^partial\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\/\d+\.[0-9a-f]{16}\.tail$/;

export interface Keys {
  /** Where all files lie; ends with a slash. */
  readonly files: string;
  readonly partials: string;
  file(sessionId: string, createdAt: number): string;
  /** Folder of a session's side objects; ends with a slash. */
  sides(sessionId: string): string;
  /** A name no other writer, and no other moment of this one, ever uses. */
  tail(sessionId: string, epoch: number): string;
  /** The session a file or a side object belongs to; null for keys this service did not make. */
  sessionOf(key: string): string | null;
}

/** @param prefix Folder inside the bucket, ending with a slash; empty for the bucket itself. */
export function createKeys(prefix: string): Keys {
  return {
    files: `${prefix}uploads/`,
    partials: `${prefix}partial/`,

    file(sessionId, createdAt) {
      const date = new Date(createdAt);
      const month = String(date.getUTCMonth() + 1).padStart(2, '0');
      return `${prefix}uploads/${date.getUTCFullYear()}/${month}/${sessionId}`;
    },

    sides: (sessionId) => `${prefix}partial/${sessionId}/`,
    tail: (sessionId, epoch) =>
      `${prefix}partial/${sessionId}/${epoch}.${randomBytes(8).toString('hex')}.tail`,

    sessionOf(key) {
      if (!key.startsWith(prefix)) return null;
      const own = key.slice(prefix.length);
      return (FILE.exec(own) ?? SIDE.exec(own))?.[1] ?? null;
    },
  };
}
