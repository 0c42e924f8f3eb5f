import type { Refusal } from '../core/errors.ts';
import type { BlobWriter } from '../core/ports.ts';
import type { Session } from '../core/session.ts';
import {
  type AppendResult,
  CHECKSUM_MISMATCH,
  DIGEST_MISMATCH,
  endedRefusal,
  NO_SESSION,
  SHUTTING_DOWN,
  TAKEN_OVER,
} from './append.ts';
import type { Commits, Verdict } from './commits.ts';
import type { Intake } from './intake.ts';
import { clearOvertaken } from './overtaken.ts';
import type { EngineParts } from './parts.ts';
import type { ReceptionEnd } from './receive.ts';
import type { Transfer } from './transfer.ts';
import { EMPTY_FILE } from './verify.ts';
import type { StopReason } from './writers.ts';

/**
 * How a transfer ends. The writer is closed; what it stored is acknowledged, or it is found that the bytes are
 * none we want. Sealing is the last thing a writer does: from there on anybody can finish the upload.
 */
export type TransferResult =
  | AppendResult
  /** All bytes are stored and never change again. `digest` is null where it has to be read again. */
  | { readonly kind: 'sealed'; readonly session: Session; readonly digest: string | null };

export type Ended =
  | ReceptionEnd
  | { readonly kind: 'fault'; readonly fault: unknown }
  /** The storage has less than was acknowledged (a power cut, a disk that failed): the offset has to fall. */
  | { readonly kind: 'lost' };

export interface Ending {
  readonly transfer: Transfer;
  readonly commits: Commits;
  /** Closed. */
  readonly writer: BlobWriter;
  readonly intake: Intake;
  readonly end: Ended;
}

export async function settleTransfer(parts: EngineParts, ending: Ending): Promise<TransferResult> {
  const { transfer, commits, writer, intake, end } = ending;
  const { request } = transfer;
  const progress = writer.progress();
  const { offset, storage } = progress;
  if (commits.verdict) return overtaken(parts, ending, commits.verdict);
  if (end.kind === 'refused' && end.final) return failTransfer(parts, ending, end.refusal);
  if (end.kind === 'lost' || offset < commits.session.uploadOffset) {
    const admitted = await admitLoss(parts, ending);
    // The client is told of the fault, and of the offset when it asks.
    if (end.kind === 'fault' && admitted.kind === 'offset_mismatch') throw end.fault;
    return admitted;
  }

  if (request.check && !(end.kind === 'ended' && request.check.matches())) {
    // Nothing is committed, which would have told of it.
    await clearOvertaken(parts, { sessionId: commits.session.sessionId, storage });
    return end.kind === 'ended'
      ? { kind: 'refused', refusal: CHECKSUM_MISMATCH }
      : answerTo(end, commits.session);
  }

  if (intake.objection) return failTransfer(parts, ending, intake.objection);

  const seal = isComplete(ending);
  if (seal) {
    if (offset === 0 && parts.uploads.limits.allowedFormats !== '*') {
      return { kind: 'refused', refusal: EMPTY_FILE };
    }
    const unacceptable = isDeclaredOtherwise(ending) ? DIGEST_MISMATCH : await intake.conclude();
    if (unacceptable) return failTransfer(parts, ending, unacceptable);
  }

  // Past its length: were the end acknowledged without the seal, the upload would look complete.
  const overshot =
    end.kind === 'refused' && request.completes === 'at_length' && offset === transfer.size.total;
  if (overshot) return answerTo(end, commits.session);
  const result = await commits.commit({
    ...progress,
    ...(intake.format !== null && { detectedFormat: intake.format }),
    // Kept with the seal: whoever completes the upload, after a crash, has to compare it.
    ...(seal && { seal, length: offset, ...(request.sha256 !== undefined && { sha256: request.sha256 }) }),
  });
  if (result.kind === 'quota_exceeded') {
    throw new Error('a commit that asks for no more than is reserved was refused for the quota');
  }
  if (result.kind !== 'committed') return overtaken(parts, ending, result);

  const { session } = result;
  const { sessionId, uploadOffset, epoch } = session;
  const digest = intake.giveDigest(uploadOffset);
  if (seal) return { kind: 'sealed', session, digest: digest && (await digest.hex()) };
  if (digest) parts.digests.keep(sessionId, { digest, offset: uploadOffset, epoch });
  if (end.kind === 'ended' && request.completes === 'at_end') return { kind: 'length_conflict', session };
  return answerTo(end, session);
}

/**
 * A known length that is reached is complete however the request ended, since no byte is missing; the end of
 * a body counts only where it was really seen.
 */
function isComplete({ transfer, writer, end }: Ending): boolean {
  const { request, size } = transfer;
  const { offset } = writer.progress();
  if (end.kind === 'fault' || end.kind === 'refused') return false;
  if (request.completes === 'at_length') return offset === size.total;
  return request.completes === 'at_end' && end.kind === 'ended' && (size.total ?? offset) === offset;
}

/** No file has both of two digests. */
function isDeclaredOtherwise({ transfer, commits }: Ending): boolean {
  const { sha256: before } = commits.session;
  const { sha256: now } = transfer.request;
  return before !== null && now !== undefined && now !== before;
}

function answerTo(end: Exclude<Ended, { kind: 'lost' }>, session: Session): AppendResult {
  switch (end.kind) {
    case 'ended':
      return { kind: 'stored', session };
    case 'cut':
      return end;
    case 'stopped':
      return { kind: 'refused', refusal: stopRefusal(end.reason) };
    case 'refused':
      return { kind: 'refused', refusal: end.refusal };
    case 'fault':
      throw end.fault;
    case 'verdict':
      throw new Error('a verdict is answered before');
  }
}

export function stopRefusal(reason: StopReason): Refusal {
  switch (reason) {
    case 'taken_over':
      return TAKEN_OVER;
    case 'shutdown':
      return SHUTTING_DOWN;
    case 'cancelled':
      return { code: 'SESSION_EXPIRED', message: 'The upload session was cancelled. Start a new one.' };
  }
}

/** The same of a writer that has stored something, which nobody may need. */
async function overtaken(parts: EngineParts, { commits, writer }: Ending, verdict: Verdict) {
  const { sessionId } = commits.session;
  const { storage } = writer.progress();
  const answer = await verdictResult(parts, verdict, storage);
  const isElsewhere = verdict.kind === 'fenced' || answer.kind === 'completed_before';
  if (isElsewhere) await clearOvertaken(parts, { sessionId, storage });
  return answer;
}

/** Somebody else decided: a newer writer, whoever ended the session, or a store that stays away. */
export async function verdictResult(
  parts: EngineParts,
  verdict: Verdict,
  storage: string | null,
): Promise<AppendResult> {
  switch (verdict.kind) {
    case 'fenced':
      return { kind: 'refused', refusal: TAKEN_OVER };
    case 'not_found':
      return { kind: 'refused', refusal: NO_SESSION };
    case 'ended': {
      const { session } = verdict;
      if (session.status === 'completed') return { kind: 'completed_before', session };
      // It was ended before our file was made, so whoever ended it may not have seen the file.
      await parts.blobs.discard({ sessionId: session.sessionId, storage }, null);
      return { kind: 'refused', refusal: endedRefusal(session) };
    }
    case 'fault':
      throw verdict.fault;
  }
}

/** These bytes are no file we take. Asks first whether we still are the writer: else it is not ours to fail. */
async function failTransfer(parts: EngineParts, ending: Ending, refusal: Refusal): Promise<AppendResult> {
  const { commits, writer } = ending;
  const { storage } = writer.progress();
  // Told, so that whoever deletes the bytes finds them.
  const result = await commits.commit({ offset: commits.session.uploadOffset, storage });
  if (result.kind !== 'committed' && result.kind !== 'quota_exceeded') {
    return overtaken(parts, ending, result);
  }
  await parts.uploads.fail(commits.session, { error_code: refusal.code, error_message: refusal.message });
  return { kind: 'refused', refusal };
}

async function admitLoss(parts: EngineParts, ending: Ending): Promise<AppendResult> {
  const { commits, writer } = ending;
  const { uploadLength, detectedFormat } = commits.session;
  const progress = writer.progress();
  const result = await commits.commit({
    ...progress,
    restart: true,
    ...(uploadLength !== null && { length: uploadLength }),
    ...(detectedFormat !== null && { detectedFormat }),
  });
  if (result.kind === 'committed') return { kind: 'offset_mismatch', session: result.session };
  if (result.kind === 'quota_exceeded') throw new Error('a falling offset was refused for the quota');
  return overtaken(parts, ending, result);
}
