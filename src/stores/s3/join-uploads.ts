import type { BlobStore, Part } from '../../core/ports.ts';
import { type CompletionDeps, completeUpload, isCompleted } from './complete-upload.ts';
import type { Keys } from './keys.ts';
import { partNumber } from './part-plan.ts';
import { formatState, parseState, type UploadState, uploadMark } from './upload-state.ts';

/**
 * Finished pieces become the parts of another upload, copied inside S3. Parts are of equal size here as well
 * (Cloudflare R2 insists on it), so it takes pieces of one size, the last one excepted: which is how tus clients
 * cut a file. Others have to pass through.
 */
type Join = NonNullable<BlobStore['joinBlobs']>;

/** S3 takes no smaller parts, the last one excepted; the larger one bounds how long a single copy takes. */
const SMALLEST_COPY_BYTES = 5 << 20;
const LARGEST_COPY_BYTES = 512 << 20;
const MOST_PARTS = 10_000;
const COPIES_AT_ONCE = 8;

interface Copy {
  readonly from: string;
  readonly first: number;
  readonly last: number;
}

export function createJoin(deps: CompletionDeps & { readonly keys: Keys }): Join {
  const { multipart, objects, keys } = deps;

  return async ({ sessionId }, { epoch, signal }, pieces) => {
    const sizes = pieces.map(({ bytes }) => bytes);
    const partBytes = partSizeFor(sizes);
    if (partBytes === null) return null;
    const sources = await Promise.all(
      pieces.map(async ({ ref }) => {
        const state = parseState(ref.storage ?? '');
        if (!(await isCompleted(objects, ref.sessionId, state))) {
          await completeUpload(deps, ref.sessionId, state);
        }
        return state.key;
      }),
    );
    const copies = sources.flatMap((from, n) => copiesOf(from, sizes[n] ?? 0, partBytes));

    const key = keys.file(sessionId, Date.now());
    const plan = { partBytes, mostParts: copies.length, shift: 0 };
    const uploadId = await multipart.create(key, uploadMark(sessionId, { born: epoch }));
    const ref = { key, uploadId };
    const parts: Part[] = new Array(copies.length);
    const queue = copies.entries();
    async function copyParts(): Promise<void> {
      for (const [index, copy] of queue) {
        signal?.throwIfAborted();
        const number = partNumber(plan, index);
        const etag = await multipart.copy(ref, { number, ...copy });
        parts[index] = { index, number, bytes: copy.last - copy.first + 1, etag };
      }
    }
    try {
      await Promise.all(Array.from({ length: COPIES_AT_ONCE }, copyParts));
    } catch (fault) {
      // What cannot be taken back now goes with the session.
      await multipart.abort(ref).catch(() => {});
      throw fault;
    }
    const stored = sizes.reduce((sum, bytes) => sum + bytes, 0);
    const state: UploadState = {
      ...{ key, uploadId, plan, born: epoch, parts: parts.length, stored },
      ...{ tail: null, leftOvers: false, direct: null },
    };
    return { offset: stored, storage: formatState(state), parts };
  };
}

/** Bytes of each part but the last; null where the pieces do not allow for equal ones. */
function partSizeFor(sizes: readonly number[]): number | null {
  const [size = 0] = sizes;
  const last = sizes.at(-1) ?? 0;
  const isEven = sizes.slice(0, -1).every((bytes) => bytes === size);
  const fits = size >= SMALLEST_COPY_BYTES && size <= LARGEST_COPY_BYTES;
  return isEven && fits && sizes.length + last / size <= MOST_PARTS ? size : null;
}

function copiesOf(from: string, bytes: number, partBytes: number): Copy[] {
  const count = Math.ceil(bytes / partBytes);
  return Array.from({ length: count }, (_, n) => {
    const first = n * partBytes;
    return { from, first, last: Math.min(bytes, first + partBytes) - 1 };
  });
}
