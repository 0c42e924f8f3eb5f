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
  const pace = watchPace(body, limits, { onTick: () => {}, onTooSlow: () => body.stop() });
  body.widen(limits.highWaterBytes);
  try {
    for (;;) {
      await body.ready(limits.batchBytes);
      if (body.received > length) return 'different';
      if (body.gathered === 0 && body.state !== 'open') break;
      const batch = body.take();
      for (const chunk of batch) hash.update(chunk);
      releaseMemory(batch);
    }
  } finally {
    pace.stop();
  }
  if (body.state !== 'ended') return 'cut';
  return body.received === length && hash.digest('hex') === session.contentSha256 ? 'same' : 'different';
}
