import type { S3Client } from '@aws-sdk/client-s3';
import type { BlobRef, BlobStore, PartList, Probe } from '../../core/ports.ts';
import { createAbandonedUploads } from './abandoned-uploads.ts';
import { createBlobWriter } from './blob-writer.ts';
import { createCalls, DEFAULT_DEADLINES, type Deadlines } from './call.ts';
import { completeUpload, isCompleted } from './complete-upload.ts';
import { createDirectUploads } from './direct-uploads.ts';
import { lostBytes } from './faults.ts';
import { createJoin } from './join-uploads.ts';
import { createKeys } from './keys.ts';
import { createMemoryBudget } from './memory-budget.ts';
import { createMultipart } from './multipart.ts';
import { createObjects } from './objects.ts';
import { openUpload } from './open-upload.ts';
import { SMALLEST_PART_BYTES } from './part-plan.ts';
import { createTails } from './tails.ts';
import { parseState, type UploadState } from './upload-state.ts';

export interface S3BlobStoreOptions {
  readonly client: S3Client;
  /** Signs the URLs of direct mode, for the address at which clients reach the bucket; `client` where left out. */
  readonly signer?: S3Client;
  readonly bucket: string;
  readonly partList: PartList;
  /** Folder inside the bucket, ending with a slash. */
  readonly prefix?: string;
  /** Bytes that all writers of this process hold in memory, at least one part. */
  readonly memoryBudgetBytes?: number;
  readonly partsInFlight?: number;
  /** S3 takes no smaller parts than 5 MiB, the last one excepted. */
  readonly smallestPartBytes?: number;
  /** Bytes of a slow client are stored at the latest after this time, in milliseconds. */
  readonly keepAfterMs?: number;
  /** How long a part may take to fill while other uploads wait for memory, in milliseconds. */
  readonly patienceMs?: number;
  readonly deadlines?: Partial<Deadlines>;
}

const MEMORY_BUDGET_BYTES = 64 << 20;
const PARTS_IN_FLIGHT = 3;
const KEEP_AFTER_MS = 20_000;

/**
 * Uploads as multipart uploads of an S3 bucket. Every upload is one, however small: the id of a multipart upload
 * is a capability that ends with its completion, whereas a PutObject of a writer that was paused in the middle
 * would replace the finished file.
 */
export function createS3BlobStore(options: S3BlobStoreOptions) {
  const { client, bucket, partList, prefix = '' } = options;
  const keys = createKeys(prefix);
  const calls = createCalls({ ...DEFAULT_DEADLINES, ...options.deadlines });
  const objects = createObjects({ client, bucket, calls });
  const multipart = createMultipart({ client, bucket, calls, look: objects.check });
  const { patienceMs, smallestPartBytes = SMALLEST_PART_BYTES } = options;
  const budget = createMemoryBudget(options.memoryBudgetBytes ?? MEMORY_BUDGET_BYTES, {
    slabBytes: smallestPartBytes,
    ...(patienceMs !== undefined && { patienceMs }),
  });
  const completion = { multipart, objects, budget, partList };

  const open: BlobStore['open'] = async ({ sessionId, storage }, at) => {
    const { offset, length, maxLength, epoch, sole, signal } = at;
    const planLength = length ?? maxLength ?? null;
    const request = { sessionId, storage, offset, planLength, epoch, sole, now: Date.now() };
    const opened = await openUpload({ ...completion, keys, smallestPartBytes }, request);
    const { state, outdated } = opened;
    const tails = createTails({
      ...{ objects, keys, sessionId, epoch, outdated },
      inherited: state.tail && { ...state.tail, index: state.parts },
      everAny: state.leftOvers,
    });
    return createBlobWriter(
      {
        ...{ multipart, budget, tails },
        partsInFlight: options.partsInFlight ?? PARTS_IN_FLIGHT,
        keepAfterMs: options.keepAfterMs ?? KEEP_AFTER_MS,
      },
      { ...opened, sessionId, length, signal },
    );
  };

  /**
   * Parts of an unfinished upload cannot be read. What lies in the tail can, which is all of a short beginning;
   * for anything else the upload is completed first (`moveUpload` undoes that where it goes on).
   */
  async function* read(
    ref: BlobRef,
    { length = null, signal }: { readonly length?: number | null; readonly signal?: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    if (ref.storage === null) throw lostBytes('nothing was stored');
    const state = parseState(ref.storage);
    const range = { first: 0, length };
    const { tail } = state;
    if (state.parts === 0 && state.uploadId === '' && !tail) return;
    if (state.parts === 0 && tail && !(await isCompleted(objects, ref.sessionId, state))) {
      const within = { first: 0, length: Math.min(length ?? tail.bytes, tail.bytes) };
      yield* objects.read(tail.key, within, signal);
      return;
    }
    await complete(ref.sessionId, state);
    yield* objects.read(state.key, range, signal);
  }

  async function complete(sessionId: string, state: UploadState): Promise<void> {
    if (await isCompleted(objects, sessionId, state)) return;
    await completeUpload(completion, sessionId, state);
  }

  const finalize: BlobStore['finalize'] = async ({ sessionId, storage }) => {
    if (storage === null) throw lostBytes('an upload without storage cannot be completed');
    const state = parseState(storage);
    await completeUpload(completion, sessionId, state);
    // An earlier writer that died, or whose bytes were refused, may have left something that nobody told of.
    if (!state.leftOvers && state.born <= 1 && state.uploadId !== '') return;
    await removeSides(sessionId);
    await abortOpen(state.key);
  };

  async function removeSides(sessionId: string): Promise<void> {
    const found: string[] = [];
    for await (const { key } of objects.list(keys.sides(sessionId))) found.push(key);
    await objects.remove(found);
  }

  async function abortOpen(key: string): Promise<void> {
    for await (const upload of multipart.open(key)) {
      if (upload.key === key) await multipart.abort(upload);
    }
  }

  const discard: BlobStore['discard'] = async ({ sessionId, storage }, storageKey) => {
    const state = storage === null ? null : parseState(storage);
    const key = state?.key ?? storageKey;
    if (state && state.uploadId !== '') await multipart.abort(state);
    if (key !== null) {
      await abortOpen(key);
      await objects.remove([key]);
    }
    await removeSides(sessionId);
  };

  /** Where the late writer went on with the very upload, its parts have numbers of their own, and count for nothing. */
  const discardOvertaken: BlobStore['discardOvertaken'] = async (late, current) => {
    if (late.storage === null || current.storage === null) return;
    const [own, newer] = [parseState(late.storage), parseState(current.storage)];
    if (own.uploadId !== '' && own.uploadId !== newer.uploadId) await multipart.abort(own);
    if (own.tail && own.tail.key !== newer.tail?.key) await objects.remove([own.tail.key]);
  };

  const blobs: BlobStore & Probe = {
    backend: 's3',
    name: 'storage',
    open,
    read,
    finalize,
    discard,
    discardOvertaken,
    joinBlobs: createJoin({ ...completion, keys }),
    storageKey: (ref, createdAt) =>
      ref.storage === null ? keys.file(ref.sessionId, createdAt) : parseState(ref.storage).key,
    writableUntil: ({ storage }) => (storage === null ? 0 : (parseState(storage).direct?.until ?? 0)),
    check: objects.check,
  };
  const direct = createDirectUploads({
    ...{ bucket, multipart, objects, keys, smallestPartBytes },
    signer: options.signer ?? client,
  });
  const { sweepAbandoned } = createAbandonedUploads({ multipart, objects, keys });
  return { blobs, direct, budget, sweepAbandoned };
}
