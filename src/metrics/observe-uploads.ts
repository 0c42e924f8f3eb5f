import type { Events } from '../core/ports.ts';
import type { Uploads } from '../core/uploads.ts';
import type { Instruments } from './instruments.ts';

/** Refusals that say something about the request alone: nothing was admitted or refused by the quota. */
const WITHOUT_ADMISSION: ReadonlySet<string> = new Set(['FILE_TOO_LARGE', 'UNSUPPORTED_FORMAT']);

/** The same use cases: how long admission takes, and uploads from beginning to end. */
export function observeUploads(uploads: Uploads, instruments: Instruments): Uploads {
  const admission = instruments.histogram('quota_admission_duration_seconds')();
  const durations = instruments.histogram('upload_duration_seconds')();

  return {
    ...uploads,

    async initiate(request) {
      const beganAt = performance.now();
      let decided = true;
      try {
        const outcome = await uploads.initiate(request);
        decided = outcome.ok || !WITHOUT_ADMISSION.has(outcome.refusal.code);
        return outcome;
      } finally {
        if (decided) admission.observe((performance.now() - beganAt) / 1000);
      }
    },

    async complete(session, contentSha256) {
      const outcome = await uploads.complete(session, contentSha256);
      if (outcome.ok && session.status !== 'completed') {
        const { createdAt, completedAt } = outcome.value;
        // Two clocks: the session store's and the ledger's.
        durations.observe(Math.max(0, (completedAt ?? createdAt) - createdAt) / 1000);
      }
      return outcome;
    },
  };
}

/** Counts how sessions end. */
export function countEndings(instruments: Instruments): Events {
  const ended = instruments.counter('upload_completed_total');
  const expired = instruments.counter('quota_expired_reservations_total')();

  return {
    emit({ type, errorCode }) {
      switch (type) {
        case 'completed':
        case 'cancelled':
          ended(type).add(1);
          break;
        case 'expired':
          ended(type).add(1);
          // Only the sweeper and the reconciler make this a session's state, once, and with it goes the reservation.
          expired.add(1);
          break;
        case 'failed':
          ended((errorCode ?? 'INTERNAL_ERROR').toLowerCase()).add(1);
          break;
        case 'created':
        case 'progress':
        case 'verifying':
          break;
      }
    },
  };
}
