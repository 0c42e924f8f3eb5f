import type { BlobProgress, BlobRef } from './blobs.ts';

/** How a direct upload is cut: parts 1 … `partCount`, all of `partBytes` but the last. */
export interface DirectPlan {
  readonly length: number;
  readonly partBytes: number;
  readonly partCount: number;
}

/** A URL that takes exactly this part, in exactly this length, until it expires. */
export interface SignedPart {
  readonly partNumber: number;
  readonly bytes: number;
  readonly url: string;
  readonly expiresAt: number;
}

export interface ArrivedPart {
  readonly partNumber: number;
  readonly bytes: number;
  readonly etag: string;
}

export type DirectCompletion =
  /** One object now. What the session store has to be told of it. */
  | { readonly kind: 'completed'; readonly progress: BlobProgress }
  /** Parts are missing, or are others than those named: nothing was changed. */
  | { readonly kind: 'wrong_parts' }
  /** The object is not as long as was declared. */
  | { readonly kind: 'wrong_length'; readonly bytes: number };

/** Uploads whose bytes clients send past the service, to an object store that gives URLs for it. */
export interface DirectBlobs {
  /** Null where this upload is none of them. Pure. */
  plan(ref: BlobRef): DirectPlan | null;
  /** Begin one of `length` bytes, at least 1. Gives the `storage` that makes the session one of them. */
  begin(sessionId: string, at: { readonly length: number; readonly epoch: number }): Promise<string>;
  /**
   * Sign URLs for parts of the plan. `storage` has to be acknowledged before they are given away: it says until
   * when bytes can still come. Speaks to nobody.
   */
  sign(
    ref: BlobRef,
    partNumbers: readonly number[],
    expiresAt: number,
  ): Promise<{ readonly parts: readonly SignedPart[]; readonly storage: string }>;
  /** Parts that have arrived, in order. */
  arrived(ref: BlobRef): Promise<readonly ArrivedPart[]>;
  /** Join all parts of the plan, each named with its ETag. Idempotent. */
  complete(
    ref: BlobRef,
    parts: readonly Pick<ArrivedPart, 'partNumber' | 'etag'>[],
  ): Promise<DirectCompletion>;
}
