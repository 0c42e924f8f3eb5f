import type { Settlement } from '../../core/ports.ts';
import type { Database } from './database.ts';

/**
 * Rows of `outbox`: written in the transaction that settles, delivered by whoever tells the world. So there
 * is an event for every settlement and none without (invariant D).
 */
export function createLedgerOutbox(db: Database) {
  const insert = db.prepare(
    'INSERT INTO outbox (id, kind, payload, created_at, next_attempt_at) VALUES (?, ?, ?, ?, ?)',
  );

  return {
    uploadCompleted(settlement: Settlement, now: number): void {
      const payload = {
        session_id: settlement.sessionId,
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
      insert.run(
        completedEventId(settlement.sessionId),
        'upload.completed',
        JSON.stringify(payload),
        now,
        now,
      );
    },
  };
}

/** A session completes at most once, so its id makes the event's id. */
function completedEventId(sessionId: string): string {
  return `upload-completed-${sessionId}`;
}
