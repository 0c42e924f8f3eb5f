import type { Part } from '../../core/ports.ts';
import { type CompletionDeps, isCompleted, storedParts } from './complete-upload.ts';
import type { Keys } from './keys.ts';
import { moveUpload } from './move-upload.ts';
import type { UploadRef } from './multipart.ts';
import { fencedPlan, type PartPlan, planParts } from './part-plan.ts';
import { parseState, storedBytes, type Tail, type UploadState } from './upload-state.ts';

export interface OpenRequest {
  readonly sessionId: string;
  readonly storage: string | null;
  readonly offset: number;
  /** Total length, or the most the upload may hold; null where nobody knows. */
  readonly planLength: number | null;
  readonly epoch: number;
  readonly sole: boolean;
  readonly now: number;
}

/** Where a writer goes on. `state.uploadId` is empty where the multipart upload is still to be created. */
export interface OpenedUpload {
  readonly state: UploadState;
  /** Parts that the session store may not know under this upload. */
  readonly untold: readonly Part[];
  readonly replaced: UploadRef | null;
  /** Side objects that are not needed once something newer is acknowledged. */
  readonly outdated: readonly Tail[];
}

export interface OpenDeps extends CompletionDeps {
  readonly keys: Keys;
  readonly smallestPartBytes: number;
}

/**
 * Find the place where a writer goes on. Where less is stored than asked for (somebody else removed it), the
 * state says how much there is, and the caller sees it by the offset.
 */
export async function openUpload(deps: OpenDeps, request: OpenRequest): Promise<OpenedUpload> {
  const { storage, offset, sole } = request;
  const old = storage === null ? null : parseState(storage);
  if (!old || offset === 0) return beginAnew(deps, request, old);
  const kept = await whatIsLeft(deps, request.sessionId, old);

  if (kept === 'completed') return goOnFromObject(deps, request, old);
  if (storedBytes(kept) < offset) return goOnFromLess(deps, request, old, kept);

  const { partBytes } = kept.plan;
  const unevenEnd = kept.stored % partBytes > 0;
  const withinPart = offset < kept.stored && offset % partBytes > 0;
  const behindUnevenEnd = unevenEnd && offset >= kept.stored && request.planLength !== offset;
  if (withinPart || behindUnevenEnd) return goOnFromObject(deps, request, old);

  const state = offset < kept.stored ? { ...cutAtPart(kept, offset), tail: null } : cutTail(kept, offset);
  const outdated = old.tail && !state.tail ? [old.tail] : [];
  if (state.parts === 0) {
    // Nothing of the upload itself is needed, so a new one keeps late writers out without using up numbers.
    return sole && state.uploadId !== ''
      ? { state, untold: [], replaced: null, outdated }
      : { ...beginAnew(deps, request, old, state.tail), outdated };
  }
  if (sole) return { state, untold: [], replaced: null, outdated };
  const plan = fencedPlan(state.plan, state.parts);
  if (!plan) return goOnFromObject(deps, request, old);
  return { state: { ...state, plan }, untold: [], replaced: null, outdated };
}

function beginAnew(
  deps: OpenDeps,
  request: OpenRequest,
  old: UploadState | null,
  tail: Tail | null = null,
): OpenedUpload {
  const { sessionId, epoch, now, planLength } = request;
  const plan: PartPlan =
    tail && old ? { ...old.plan, shift: 0 } : planParts(planLength, deps.smallestPartBytes);
  return {
    state: {
      key: old?.key ?? deps.keys.file(sessionId, now),
      uploadId: '',
      plan,
      born: Math.max(epoch, (old?.born ?? -1) + 1),
      parts: 0,
      stored: 0,
      tail,
      leftOvers: old?.leftOvers ?? false,
      direct: null,
    },
    untold: [],
    replaced: old && old.uploadId !== '' ? old : null,
    outdated: old?.tail && !tail ? [old.tail] : [],
  };
}

/** The state as far as S3 still has it; `completed` where it is an object by now. */
async function whatIsLeft(
  { multipart, objects }: OpenDeps,
  sessionId: string,
  state: UploadState,
): Promise<UploadState | 'completed'> {
  const { tail, uploadId } = state;
  const [exists, side] = await Promise.all([
    uploadId === '' ? false : multipart.exists(state),
    tail ? objects.head(tail.key) : null,
  ]);
  const left = tail && side && side.bytes >= tail.bytes ? state : { ...state, tail: null };
  if (exists) return left;
  if (uploadId !== '' && (await isCompleted(objects, sessionId, state))) return 'completed';
  return { ...left, uploadId: '', parts: 0, stored: 0, tail: state.parts === 0 ? left.tail : null };
}

async function goOnFromObject(
  deps: OpenDeps,
  { sessionId, offset, epoch }: OpenRequest,
  old: UploadState,
): Promise<OpenedUpload> {
  const { state, parts } = await moveUpload(deps, { sessionId, state: old, offset, epoch });
  return { state, untold: parts, replaced: null, outdated: old.tail ? [old.tail] : [] };
}

/** The caller will have the offset fall and every part told again. */
async function goOnFromLess(
  deps: OpenDeps,
  request: OpenRequest,
  old: UploadState,
  kept: UploadState,
): Promise<OpenedUpload> {
  if (kept.parts === 0 && !kept.tail) return beginAnew(deps, request, old);
  const untold = await storedParts(deps.partList, request.sessionId, kept);
  return { state: kept, untold, replaced: null, outdated: [] };
}

function cutAtPart(state: UploadState, offset: number): UploadState {
  return { ...state, parts: offset / state.plan.partBytes, stored: offset };
}

function cutTail(state: UploadState, offset: number): UploadState {
  const bytes = offset - state.stored;
  return { ...state, tail: state.tail && bytes > 0 ? { ...state.tail, bytes } : null };
}
