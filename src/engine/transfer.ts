import { quotaExceeded } from '../core/admission.ts';
import type { Refusal } from '../core/errors.ts';
import type { BlobWriter, Progress } from '../core/ports.ts';
import { isPartialUpload, type Session } from '../core/session.ts';
import type { Measure } from './admit.ts';
import type { AppendRequest } from './append.ts';
import { type Commits, createCommits } from './commits.ts';
import { type Ended, settleTransfer, type TransferResult, verdictResult } from './ending.ts';
import { createIntake, type Intake } from './intake.ts';
import type { EngineParts } from './parts.ts';
import { receive } from './receive.ts';
import { HEAD_BYTES, readHead } from './verify.ts';

/** A reservation that has to grow grows by this much at a time, if the quota allows. */
const ROOM_STEP = 64 << 20;

/** One request that has become the writer of its session, and what it works with. */
export interface Transfer {
  readonly request: AppendRequest;
  readonly size: Measure;
  /** Every writer before is known to have stopped. */
  readonly sole: boolean;
  /** Aborted with a `StopReason`. */
  readonly signal: AbortSignal;
  /** The bytes are ours alone from here on: a late write of an older writer cannot reach them. */
  readonly onOpened: () => void;
}

/** From becoming the writer of `taken` to having stopped to be it, everything stored acknowledged. */
export async function runTransfer(
  parts: EngineParts,
  transfer: Transfer,
  taken: Session,
): Promise<TransferResult> {
  const { request, size, sole, signal } = transfer;
  const { body } = request;
  let opened: BlobWriter | null = null;
  const commits = createCommits(
    {
      ...parts,
      onVerdict: () => body.stop(),
      onCommitted: (storage) => opened?.committed?.(storage),
      // To begin anew, or to admit a loss, is no progress.
      onAcknowledged(offset) {
        if (offset > size.start) request.onProgress?.(offset);
      },
    },
    taken,
  );

  const objection = await admit(parts, transfer, commits);
  if (objection) return objection;

  const intake = await openIntake(parts, request, commits.session, size);
  const { sessionId, storage, epoch } = commits.session;
  const at = { offset: size.start, length: size.total, maxLength: size.limit, epoch, sole, signal };
  const writer = await parts.blobs.open({ sessionId, storage }, at).catch((fault: unknown) => {
    intake.close();
    throw fault;
  });
  opened = writer;
  transfer.onOpened();

  let end: Ended;
  if (writer.progress().offset === size.start) {
    request.onAdmitted?.();
    const acknowledgeable = () => acknowledged(transfer, commits, writer, intake);
    end = await receive({
      ...{ body, writer, commits, intake, size, signal, acknowledgeable },
      ...{ limits: parts.limits, gathering: parts.gathering },
      makeRoom: (offset) => makeRoom(parts, transfer, commits, { offset, progress: acknowledgeable() }),
    }).catch((fault: unknown) => ({ kind: 'fault', fault }) as const);
  } else {
    end = { kind: 'lost' };
  }
  // Whatever went wrong, what had been stored before is still acknowledged.
  const isWhole = end.kind === 'ended' && request.completes === 'at_end';
  await writer.close({ isWhole }).catch((fault: unknown) => {
    if (end.kind !== 'fault') end = { kind: 'fault', fault };
  });
  return settleTransfer(parts, { transfer, commits, writer, intake, end }).finally(intake.close);
}

/** Begin anew, set the length, reserve what is known to be needed: in one commit, if there is any to be made. */
async function admit(
  parts: EngineParts,
  { request, size }: Transfer,
  commits: Commits,
): Promise<TransferResult | null> {
  const { session } = commits;
  const begunBefore =
    session.uploadOffset > 0 ||
    session.detectedFormat !== null ||
    session.uploadLength !== session.expectedFileSize;
  const restart = request.start === 'restart' && begunBefore;
  const tellsLength = request.length !== null && (restart || session.uploadLength === null);
  const { declaredLength } = request.body;
  const needed = size.total ?? (declaredLength === null ? null : size.start + declaredLength);
  // A length told late also gives back what was reserved beyond it.
  const changes = needed !== null && (tellsLength || needed > session.reservedBytes);
  const reserve = changes ? Math.max(1, needed) : null;
  if (!restart && !tellsLength && (reserve === null || reserve === session.reservedBytes)) return null;

  const result = await commits.commit({
    offset: size.start,
    ...(restart && { restart }),
    ...(tellsLength && request.length !== null && { length: request.length }),
    ...(reserve !== null && { reserve }),
  });
  if (result.kind === 'committed') return null;
  if (result.kind !== 'quota_exceeded') return verdictResult(parts, result, null);
  const refusal = overQuota(parts, { ...result, required: reserve ?? 0 });
  return { kind: 'refused', refusal };
}

async function openIntake(
  parts: EngineParts,
  request: AppendRequest,
  session: Session,
  size: Measure,
): Promise<Intake> {
  // A piece of a file has no format of its own.
  const allowedFormats = isPartialUpload(session) ? '*' : parts.uploads.limits.allowedFormats;
  const headBytes = Math.min(session.uploadOffset, HEAD_BYTES);
  const unknown = allowedFormats !== '*' && session.detectedFormat === null;
  const head = unknown && headBytes > 0 ? await readHead(parts.blobs, session, headBytes) : Buffer.alloc(0);
  const wholeFile = request.completes === 'at_end' && size.start === 0 ? request.body.declaredLength : null;
  const digest = parts.digests.resume(session, size.total ?? wholeFile);
  return createIntake({ session, allowedFormats, head, digest, check: request.check });
}

/**
 * What may be acknowledged while the body still comes in. Of a checked body nothing. And where reaching the
 * length means completion, the end is acknowledged together with sealing the session, so that nobody ever
 * reads an offset that looks complete from an upload that is not.
 */
function acknowledged(
  { request, size }: Transfer,
  commits: Commits,
  writer: BlobWriter,
  intake: Intake,
): Progress {
  const progress = writer.progress();
  const atEnd = request.completes === 'at_length' && progress.offset === size.total;
  if (request.check || atEnd) return { offset: commits.session.uploadOffset };
  return { ...progress, ...(intake.format !== null && { detectedFormat: intake.format }) };
}

/** Grow the reservation so that the upload may reach `offset`: by a step if the quota allows, else exactly. */
async function makeRoom(
  parts: EngineParts,
  { size }: Transfer,
  commits: Commits,
  want: { readonly offset: number; readonly progress: Progress },
): Promise<Refusal | null> {
  const { reservedBytes } = commits.session;
  const step = Math.min(size.limit, Math.max(want.offset, reservedBytes + ROOM_STEP));
  const stepped = await commits.commit({ ...want.progress, reserve: step });
  if (stepped.kind !== 'quota_exceeded') return null;
  const exact = await commits.commit({ ...want.progress, reserve: want.offset });
  if (exact.kind !== 'quota_exceeded') return null;
  return overQuota(parts, { ...exact, required: want.offset });
}

function overQuota(parts: EngineParts, result: Parameters<typeof quotaExceeded>[0]): Refusal | never {
  const outcome = quotaExceeded(result, parts.uploads.limits.maxActiveSessions);
  return outcome.ok ? outcome.value : outcome.refusal;
}
