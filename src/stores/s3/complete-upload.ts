import { setTimeout as delay } from 'node:timers/promises';
import type { Part, PartList } from '../../core/ports.ts';
import { releaseMemory } from '../../core/release-memory.ts';
import { isNoSuchUpload, isSilence, lostBytes } from './faults.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { Multipart, UploadRef } from './multipart.ts';
import type { FoundObject, Objects } from './objects.ts';
import { partNumber } from './part-plan.ts';
import { storedBytes, type Tail, type UploadState, uploadMark } from './upload-state.ts';

export interface CompletionDeps {
  readonly multipart: Multipart;
  readonly objects: Objects;
  readonly budget: MemoryBudget;
  readonly partList: PartList;
}

/** Whether this very upload was completed: its object is there, whole, with the upload's mark. */
export async function isCompleted(objects: Objects, sessionId: string, state: UploadState): Promise<boolean> {
  const found = await objects.head(state.key);
  return found?.mark === uploadMark(sessionId, state) && found.bytes === storedBytes(state);
}

const LOOK_AGAIN_AFTER_MS = [20, 50, 100, 200, 400];

/**
 * The object that somebody else may be completing. Servers over a file system put it in place in several steps: the
 * upload is gone already and the object not there yet. Nobody's upload must fail for that.
 */
export async function untilThere(objects: Objects, key: string): Promise<FoundObject | null> {
  for (const pauseMs of LOOK_AGAIN_AFTER_MS) {
    const found = await objects.head(key);
    if (found) return found;
    await delay(pauseMs);
  }
  return objects.head(key);
}

/**
 * All stored bytes become one object. It may be repeated: the reply can be lost after S3 has done it, so before a
 * fault is believed the object itself is asked for.
 */
export async function completeUpload(
  deps: CompletionDeps,
  sessionId: string,
  state: UploadState,
): Promise<void> {
  const { multipart, objects, partList } = deps;
  try {
    const parts = await storedParts(partList, sessionId, state);
    // Where there is only a tail, or nothing at all, nobody may have needed the multipart upload so far.
    const uploadId = state.uploadId || (await multipart.create(state.key, uploadMark(sessionId, state)));
    const ref = { key: state.key, uploadId };
    const last = await lastPart(deps, ref, state);
    await multipart.complete(ref, last ? [...parts, last] : parts);
  } catch (fault) {
    if (isSilence(fault)) throw fault;
    if (isNoSuchUpload(fault)) await untilThere(objects, state.key);
    if (!(await isCompleted(objects, sessionId, state))) throw fault;
  }
}

/** The parts that count, checked against what was acknowledged: S3 itself is never asked what it has. */
export async function storedParts(
  partList: PartList,
  sessionId: string,
  state: UploadState,
): Promise<readonly Part[]> {
  const known = await partList.parts(sessionId);
  const parts = known.filter(({ index }) => index < state.parts).sort((a, b) => a.index - b.index);
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  if (parts.length !== state.parts || bytes !== state.stored) {
    throw lostBytes(`${parts.length} of ${state.parts} parts are known, ${bytes} of ${state.stored} bytes`);
  }
  return parts;
}

/** The tail becomes the last part, of whatever size. An empty file is one empty part. */
async function lastPart(
  { multipart, objects, budget }: CompletionDeps,
  ref: UploadRef,
  state: UploadState,
): Promise<Pick<Part, 'number' | 'etag'> | null> {
  const { tail, plan, parts } = state;
  if (!tail && parts > 0) return null;
  const number = partNumber(plan, parts);
  if (!tail) return { number, etag: await multipart.upload(ref, { number, body: new Uint8Array(0) }) };
  const lease = await budget.take(tail.bytes);
  let intact = false;
  try {
    await loadTail(objects, tail, lease.buffer);
    const etag = await multipart.upload(ref, { number, body: lease.buffer });
    intact = true;
    return { number, etag };
  } finally {
    lease.release(intact);
  }
}

/** Fill `into` with the tail's bytes. */
export async function loadTail(objects: Objects, tail: Tail, into: Uint8Array): Promise<void> {
  let filled = 0;
  for await (const chunk of objects.read(tail.key, { first: 0, length: tail.bytes })) {
    into.set(chunk, filled);
    filled += chunk.length;
    releaseMemory([chunk]);
  }
  if (filled !== tail.bytes) throw lostBytes(`a side object has ${filled} of ${tail.bytes} bytes`);
}
