import type { Session } from '../session.ts';
import type { BlobProgress } from './blobs.ts';

/** The bytes of all partial uploads, joined in order and stored for their final upload. */
export interface JoinedBytes extends BlobProgress {
  readonly detectedFormat?: string;
}

export type MergeResult =
  /** The final upload, sealed. */
  | { readonly kind: 'merged'; readonly session: Session }
  /** A newer writer took the final upload: nothing was changed. */
  | { readonly kind: 'fenced' }
  /** The final upload has ended: nothing was changed. */
  | { readonly kind: 'ended'; readonly session: Session }
  | { readonly kind: 'not_found' }
  /** This partial upload is not live any more, or not all of its bytes are there: nothing was changed. */
  | { readonly kind: 'unfit'; readonly sessionId: string };

/** Partial uploads become one final upload (tus extension "concatenation"). Atomic, and may be repeated. */
export interface Concatenation {
  /**
   * One step, if `epoch` is still the newest of the final upload and all `partials` are live, full, and of its
   * owner: their reservations become the one of the final upload, which is sealed with `joined`; they end as
   * cancelled (`mergedInto`), and their bytes are due to be deleted. So nothing is counted twice, nor for a moment not at all.
   */
  merge(
    sessionId: string,
    epoch: number,
    joined: JoinedBytes,
    partials: readonly string[],
  ): Promise<MergeResult>;
}
