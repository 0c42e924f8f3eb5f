import { type NewOutboxEvent, QUOTA_THRESHOLDS } from '../../core/outbox.ts';
import type { Settlement } from '../../core/ports.ts';
import type { Account } from '../../core/quota.ts';
import type { Database } from './database.ts';

/**
 * Writes rows of `outbox`, for use inside a transaction. Those of a settlement are written in the transaction
 * that settles, so there is an event for every settlement and none without (invariant D).
 */
export function createLedgerOutbox(db: Database) {
  const insert = db.prepare(
    `INSERT INTO outbox (id, kind, subject, payload, created_at, next_attempt_at) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
  );

  function record({ id, kind, subject, payload }: NewOutboxEvent, now: number): void {
    insert.run(id, kind, subject, payload, now, now);
  }

  return {
    /** Once per id. */
    record,

    uploadCompleted(settlement: Settlement, now: number): void {
      const { sessionId } = settlement;
      const payload = {
        session_id: sessionId,
        user_id: settlement.userId,
        bytes: settlement.bytes,
        format: settlement.format,
        sha256: settlement.sha256,
        storage_key: settlement.storageKey,
        filename: settlement.filename,
        // As text: it goes back byte for byte as it came.
        dashboard_context: settlement.dashboardContext,
        created_at: new Date(settlement.createdAt).toISOString(),
        completed_at: new Date(now).toISOString(),
      };
      // A session completes at most once, so its id makes the event's id.
      record(
        {
          id: `upload-completed-${sessionId}`,
          kind: 'upload.completed',
          subject: sessionId,
          payload: JSON.stringify(payload),
        },
        now,
      );
    },

    /**
     * Told once per threshold and period: the id is made of both, and a limit that is raised and reached again
     * within the period makes no new one.
     */
    thresholdsReached(account: Account, now: number): void {
      const { userId, usedBytes, limitBytes, periodStart, periodEnd } = account;
      for (const percent of QUOTA_THRESHOLDS) {
        if (BigInt(usedBytes) * 100n < BigInt(limitBytes) * BigInt(percent)) break;
        const payload = {
          user_id: userId,
          threshold_percent: percent,
          quota_used: usedBytes,
          quota_limit: limitBytes,
          period_start: new Date(periodStart).toISOString(),
          reset_date: new Date(periodEnd).toISOString(),
        };
        record(
          {
            id: `quota-threshold-${percent}-${userId}-${periodStart}`,
            kind: 'quota.threshold',
            subject: userId,
            payload: JSON.stringify(payload),
          },
          now,
        );
      }
    },
  };
}
