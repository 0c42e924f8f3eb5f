import type { LimitChangeReport } from '../core/bulk-quotas.ts';

/** What became of a file of limits, as programs read it. Limits are bytes; null follows the default. */
export function lineReport(report: LimitChangeReport) {
  const { line, userId, result, limitBytes, previous, known, error } = report;
  return {
    line,
    user_id: userId,
    result,
    quota_limit: limitBytes,
    previous_limit: previous,
    known_user: known,
    ...(error !== undefined && { error }),
  };
}

export interface QuotaFileSummary {
  readonly changed: number;
  readonly unchanged: number;
  readonly failed: number;
  readonly not_tried: number;
}

const NOTHING: QuotaFileSummary = { changed: 0, unchanged: 0, failed: 0, not_tried: 0 };

/** How many lines ended how; added to `before`. */
export function summaryOf(
  reports: readonly LimitChangeReport[],
  before: QuotaFileSummary = NOTHING,
): QuotaFileSummary {
  const counts = { ...before };
  for (const { result } of reports) counts[result] += 1;
  return counts;
}
