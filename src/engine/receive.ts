import type { Refusal } from '../core/errors.ts';
import type { BlobWriter, Progress } from '../core/ports.ts';
import type { Measure } from './admit.ts';
import { tooLarge } from './append.ts';
import type { RequestBody } from './body.ts';
import type { Commits, Verdict } from './commits.ts';
import type { Gathering } from './gathering.ts';
import type { Intake } from './intake.ts';
import type { EngineLimits } from './limits.ts';
import { watchPace } from './pace.ts';
import { type StopReason, stopReasonOf } from './writers.ts';

/**
 * The byte loop. While one batch is being written and hashed (of a large file by the storing thread, which may have two of
 * them) the next one gathers in the body, and above its high-water mark the socket is paused: memory per upload is bounded
 * by three batches whatever the size of the file, and all uploads share a budget. Nothing here is done per byte, and
 * little per 'data' event.
 */
export interface Reception {
  readonly body: RequestBody;
  readonly writer: BlobWriter;
  readonly commits: Commits;
  readonly intake: Intake;
  /** Where the body begins and the most the upload may hold: not one byte beyond is stored. */
  readonly size: Measure;
  readonly limits: EngineLimits;
  readonly gathering: Gathering;
  /** Aborted with a `StopReason`. */
  readonly signal: AbortSignal;
  /** Make room for the upload to reach `offset`, where the reservation is smaller. */
  readonly makeRoom: (offset: number) => Promise<Refusal | null>;
  /** What may be acknowledged now. */
  readonly acknowledgeable: () => Progress;
}

export type ReceptionEnd =
  | { readonly kind: 'ended' }
  | { readonly kind: 'cut'; readonly by: 'client' | 'idle' | 'slow' }
  | { readonly kind: 'stopped'; readonly reason: StopReason }
  /** `final`: these bytes can never become an acceptable file. */
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly final: boolean }
  | { readonly kind: 'verdict'; readonly verdict: Verdict };

export async function receive(reception: Reception): Promise<ReceptionEnd> {
  const { body, writer, commits, intake, size, limits, gathering, signal } = reception;
  let offset = size.start;
  let flushDue = false;
  let tooSlow: 'idle' | 'slow' | null = null;

  const stop = () => body.stop();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const pace = watchPace(body, limits, {
    onTick() {
      flushDue = true;
      body.nudge();
    },
    onTooSlow(why) {
      tooSlow ??= why;
      body.stop();
    },
  });

  gathering.enter();
  try {
    for (;;) {
      body.widen(gathering.highWaterBytes);
      const enough = intake.missing || gathering.batchBytes;
      await body.ready(enough);
      if (commits.verdict) return { kind: 'verdict', verdict: commits.verdict };
      if (body.gathered === 0 && body.state !== 'open') break;
      const due = flushDue || body.gathered >= enough || body.state !== 'open';
      flushDue = false;
      if (body.gathered > 0 && due) {
        await intake.ready();
        const refusal = await store(body.take());
        if (refusal) return refusal;
      }
      // The last commit is made by whoever ends the transfer.
      if (body.state === 'open') commits.pace(reception.acknowledgeable);
    }
    return endOf(body, signal, tooSlow);
  } finally {
    gathering.leave();
    pace.stop();
    signal.removeEventListener('abort', stop);
  }

  async function store(batch: readonly Uint8Array[]): Promise<ReceptionEnd | null> {
    const bytes = batch.reduce((sum, chunk) => sum + chunk.length, 0);
    if (offset + bytes > size.limit) {
      return { kind: 'refused', refusal: tooLarge(commits.session, size.limit), final: false };
    }
    const unacceptable = await intake.inspect(batch);
    if (unacceptable) return { kind: 'refused', refusal: unacceptable, final: true };
    if (offset + bytes > commits.session.reservedBytes) {
      const noRoom = await reception.makeRoom(offset + bytes);
      if (noRoom) return { kind: 'refused', refusal: noRoom, final: false };
      if (commits.verdict) return { kind: 'verdict', verdict: commits.verdict };
    }
    await intake.store(batch, writer);
    offset += bytes;
    return null;
  }
}

function endOf(body: RequestBody, signal: AbortSignal, tooSlow: 'idle' | 'slow' | null): ReceptionEnd {
  if (body.state === 'ended') return { kind: 'ended' };
  const reason = stopReasonOf(signal);
  if (reason) return { kind: 'stopped', reason };
  return { kind: 'cut', by: tooSlow ?? 'client' };
}
