/**
 * How an upload is cut into parts, and under which numbers they go to S3.
 *
 * Parts are of equal size, the last one excepted (Cloudflare R2 insists on it), fixed when the multipart upload
 * is created. S3 takes numbers 1 … 10 000, gaps allowed, and joins parts by rising number.
 *
 * The numbers are also the fence against late writers. S3 keeps the newest upload of a number, so a writer that
 * was paused and comes back could replace what its successor stored under the same number; completion names the
 * ETag and would fail, with acknowledged bytes lost. Parts of an unfinished upload cannot be copied elsewhere
 * either (UploadPartCopy reads objects only). So a successor that cannot be sure its predecessor has stopped
 * numbers its parts beyond every number the predecessor could still use. Numbers run out only for files of more
 * than half the limit, or after many such successions: then the upload moves (see `move-upload.ts`).
 */

/** S3: "Amazon S3 multipart upload limits". */
const MOST_PARTS = 10_000;
const MIB = 1 << 20;
export const SMALLEST_PART_BYTES = 8 * MIB;

export interface PartPlan {
  /** Bytes of every part but the last. */
  readonly partBytes: number;
  /** Parts that the upload may come to. */
  readonly mostParts: number;
  /** Number of the part with index 0, less one: it rises with each fenced succession. */
  readonly shift: number;
}

/** @param length Total length, or the most the upload may hold, in bytes. Null: nobody knows. */
export function planParts(length: number | null, smallest = SMALLEST_PART_BYTES): PartPlan {
  const partBytes = Math.max(smallest, Math.ceil((length ?? 0) / MOST_PARTS));
  const mostParts = length === null ? MOST_PARTS : Math.max(1, Math.ceil(length / partBytes));
  return { partBytes, mostParts, shift: 0 };
}

export function partNumber(plan: PartPlan, index: number): number {
  return plan.shift + index + 1;
}

/** The plan of a successor that begins at `index`, or null where no numbers are left for it. */
export function fencedPlan(plan: PartPlan, index: number): PartPlan | null {
  const shift = plan.shift + Math.max(0, plan.mostParts - index);
  return shift + plan.mostParts > MOST_PARTS ? null : { ...plan, shift };
}
