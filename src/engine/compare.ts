import { createHash } from 'node:crypto';
import { releaseMemory } from '../core/release-memory.ts';
import type { Session } from '../core/session.ts';
import type { RequestBody } from './body.ts';
import type { EngineLimits } from './limits.ts';
import { watchPace } from './pace.ts';

/** `cut`: the body did not come to its end, so nobody is there to be answered. */
export type Comparison = 'same' | 'different' | 'cut';

/** Whether a body is what a completed session holds: by length as soon as that tells, else by digest. */
export async function compareContent(
  session: Session,
  body: RequestBody,
  limits: EngineLimits,
): Promise<Comparison> {
  const length = session.uploadOffset;
  if (body.declaredLength !== null && body.declaredLength !== length) return 'different';

  const hash = createHash('sha256');
  const read = await readThrough(body, length, limits, (chunk) => hash.update(chunk));
  if (read === 'cut') return 'cut';
  return read === length && hash.digest('hex') === session.contentSha256 ? 'same' : 'different';
}

/** How long a body is: as declared, else by reading it, and then no further than past `most` bytes. */
export async function lengthOf(
  body: RequestBody,
  most: number,
  limits: EngineLimits,
): Promise<number | 'cut'> {
  return body.declaredLength ?? readThrough(body, most, limits, () => {});
}

/** Looks at the bytes of a body and throws them away. Its length, or some number above `most` where it is longer. */
async function readThrough(
  body: RequestBody,
  most: number,
  limits: EngineLimits,
  look: (chunk: Buffer) => void,
): Promise<number | 'cut'> {
  const pace = watchPace(body, limits, { onTick: () => {}, onTooSlow: () => body.stop() });
  body.widen(limits.highWaterBytes);
  try {
    for (;;) {
      const untilTooLong = most + 1 - (body.received - body.gathered);
      await body.ready(Math.min(limits.batchBytes, untilTooLong));
      if (body.received > most) return body.received;
      if (body.gathered === 0 && body.state !== 'open') break;
      const batch = body.take();
      for (const chunk of batch) look(chunk);
      releaseMemory(batch);
    }
  } finally {
    pace.stop();
  }
  return body.state === 'ended' ? body.received : 'cut';
}
