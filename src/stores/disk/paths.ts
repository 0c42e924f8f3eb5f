import { join } from 'node:path';
import { SluiceError } from '../../core/errors.ts';
import type { BlobRef } from '../../core/ports.ts';
import { parseUuid } from '../../core/session-id.ts';

/**
 * Names of files. Session ids are the only thing they are made of, and no id becomes part of a path unless it
 * is a UUID.
 *
 * Partial bytes are `<temp>/<session_id>.<generation>.part`. A generation is the epoch of the writer that began
 * the file: where an older writer may still have its file open, the prefix is copied to a new generation, and
 * a late write lands in a file without a name.
 */
export interface DiskPaths {
  readonly uploadFolder: string;
  readonly tempFolder: string;
  /** Copies on their way into the upload folder, where that is another file system. */
  readonly incomingFolder: string;
  partial(sessionId: string, generation: number): string;
  final(storageKey: string): string;
}

/** What the session store keeps for us between requests. */
export interface DiskStorage {
  readonly generation: number;
  /** There may be other generations, left by writers that were cut off. */
  readonly forked: boolean;
}

const STORAGE_KEY = /^([0-9a-f-]{36})(\.[a-z0-9]{1,16})?$/;
const PARTIAL = /^([0-9a-f-]{36})\.([0-9]{1,16})\.part$/;
const STAGED = /^([0-9a-f-]{36})\.[0-9a-f]{12}$/;

export function createPaths(folders: { uploadFolder: string; tempFolder: string }): DiskPaths {
  return {
    ...folders,
    incomingFolder: join(folders.uploadFolder, '.incoming'),
    partial: (sessionId, generation) =>
      join(folders.tempFolder, `${checkedId(sessionId)}.${generation}.part`),
    final(storageKey) {
      const id = STORAGE_KEY.exec(storageKey)?.[1];
      checkedId(id ?? '');
      return join(folders.uploadFolder, storageKey);
    },
  };
}

export function diskStorageKey(ref: BlobRef, format: string | null): string {
  return format === null ? checkedId(ref.sessionId) : `${checkedId(ref.sessionId)}.${format}`;
}

/** Generation of a partial file of this session; null where the file is another's. */
export function generationOf(fileName: string, sessionId: string): number | null {
  const [, id, generation] = PARTIAL.exec(fileName) ?? [];
  return id === sessionId ? Number(generation) : null;
}

/** Session that a partial file is of; null where the name is not one of ours. */
export function sessionOfPartial(fileName: string): string | null {
  return parseUuid(PARTIAL.exec(fileName)?.[1] ?? '');
}

/** The same for a copy on its way into the upload folder. */
export function sessionOfStaged(fileName: string): string | null {
  return parseUuid(STAGED.exec(fileName)?.[1] ?? '');
}

export function formatStorage(storage: DiskStorage): string {
  return JSON.stringify(storage);
}

export function parseStorage(text: string | null): DiskStorage | null {
  if (text === null) return null;
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || !('generation' in value)) {
    throw new SluiceError('INTERNAL_ERROR', 'The upload cannot be continued. Start a new session.', {
      cause: new Error('the storage note is not one of the disk store'),
    });
  }
  return { generation: Number(value.generation), forked: 'forked' in value && value.forked === true };
}

export function checkedId(sessionId: string): string {
  if (parseUuid(sessionId) !== sessionId) {
    throw new SluiceError('INTERNAL_ERROR', 'The upload session has no valid id. Start a new one.', {
      cause: new Error('a session id that is no lower-case UUID must not become a path'),
    });
  }
  return sessionId;
}
