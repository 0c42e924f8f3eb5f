import type { Part } from '../../core/ports.ts';
import { releaseMemory } from '../../core/release-memory.ts';
import { type CompletionDeps, completeUpload, isCompleted } from './complete-upload.ts';
import { lostBytes } from './faults.ts';
import type { Keys } from './keys.ts';
import { partNumber } from './part-plan.ts';
import { type UploadState, uploadMark } from './upload-state.ts';

/**
 * Parts of an unfinished upload can neither be read nor cut nor copied. Where that is needed all the same, what
 * is stored is completed as it is, and its beginning becomes, copied inside S3, the first parts of a new upload
 * of the same key; the unfinished object is replaced when that one is completed. Needed seldom:
 * - no part numbers are left that an older writer cannot write to (see `part-plan.ts`);
 * - the upload goes on from within a part: the bytes behind a checksum that did not match, or a last byte that
 *   was not acknowledged before a crash;
 * - somebody read the stored bytes, which completes them, and then it went on.
 */
export async function moveUpload(
  deps: CompletionDeps & { readonly keys: Keys },
  from: {
    readonly sessionId: string;
    readonly state: UploadState;
    readonly offset: number;
    readonly epoch: number;
  },
): Promise<{ readonly state: UploadState; readonly parts: readonly Part[] }> {
  const { multipart, objects, keys } = deps;
  const { sessionId, offset, epoch } = from;
  const old = from.state;
  if (!(await isCompleted(objects, sessionId, old))) await completeUpload(deps, sessionId, old);

  const plan = { ...old.plan, shift: 0 };
  const { partBytes } = plan;
  const born = Math.max(epoch, old.born + 1);
  const uploadId = await multipart.create(old.key, uploadMark(sessionId, { born }));
  const ref = { key: old.key, uploadId };
  const whole = Math.floor(offset / partBytes);
  const parts: Part[] = new Array(whole);
  const queue = parts.keys();

  async function copyParts(): Promise<void> {
    for (const index of queue) {
      const first = index * partBytes;
      const number = partNumber(plan, index);
      const etag = await multipart.copy(ref, { number, from: old.key, first, last: first + partBytes - 1 });
      parts[index] = { index, number, bytes: partBytes, etag };
    }
  }
  await Promise.all(Array.from({ length: COPIES_AT_ONCE }, copyParts));

  const stored = whole * partBytes;
  const tail = offset > stored ? { key: keys.tail(sessionId, epoch), bytes: offset - stored } : null;
  if (tail) await copyTail(deps, { from: old.key, first: stored, ...tail });
  const state = {
    key: old.key,
    uploadId,
    plan,
    born,
    parts: whole,
    stored,
    tail,
    leftOvers: true,
    direct: null,
  };
  return { state, parts };
}

const COPIES_AT_ONCE = 8;

async function copyTail(
  { objects, budget }: CompletionDeps,
  copy: { readonly from: string; readonly first: number; readonly key: string; readonly bytes: number },
): Promise<void> {
  const lease = await budget.take(copy.bytes);
  let filled = 0;
  try {
    for await (const chunk of objects.read(copy.from, { first: copy.first, length: copy.bytes })) {
      lease.buffer.set(chunk, filled);
      filled += chunk.length;
      releaseMemory([chunk]);
    }
    if (filled !== copy.bytes) throw lostBytes(`an object ended ${copy.bytes - filled} bytes too early`);
    await objects.put(copy.key, lease.buffer);
  } finally {
    lease.release(false);
  }
}
