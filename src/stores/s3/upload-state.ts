import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { SluiceError } from '../../core/errors.ts';
import type { PartPlan } from './part-plan.ts';

/**
 * What a session keeps as `storage`: a few hundred bytes however large the file. The parts themselves stand in
 * the session store's part list; here is only how many of them count.
 */
const Document = Type.Object({
  /** Final key of the object. */
  key: Type.String(),
  upload: Type.String(),
  part_bytes: Type.Integer({ minimum: 1 }),
  most_parts: Type.Integer({ minimum: 1 }),
  shift: Type.Integer({ minimum: 0 }),
  /** Epoch of the writer that created the multipart upload. */
  born: Type.Integer({ minimum: 0 }),
  /** Number of parts stored, in order and without gaps, and their bytes together. */
  parts: Type.Integer({ minimum: 0 }),
  stored: Type.Integer({ minimum: 0 }),
  /** Side object with the bytes behind the parts. */
  tail: Type.Optional(Type.Object({ key: Type.String(), bytes: Type.Integer({ minimum: 1 }) })),
  /** There were side objects, or uploads nobody heard of: some may be left over. */
  left_overs: Type.Optional(Type.Literal(true)),
  /** Direct mode: the client stores parts itself until its last URL dies (milliseconds since the epoch). */
  direct: Type.Optional(Type.Object({ length: Type.Integer({ minimum: 1 }), until: Type.Integer() })),
});

export interface Tail {
  readonly key: string;
  readonly bytes: number;
}

export interface UploadState {
  readonly key: string;
  readonly uploadId: string;
  readonly plan: PartPlan;
  readonly born: number;
  readonly parts: number;
  readonly stored: number;
  readonly tail: Tail | null;
  readonly leftOvers: boolean;
  readonly direct: { readonly length: number; readonly until: number } | null;
}

/** Bytes that are stored in order. */
export function storedBytes(state: UploadState): number {
  return state.stored + (state.tail?.bytes ?? 0);
}

/** What the object's metadata says once this very upload is completed. */
export function uploadMark(sessionId: string, state: Pick<UploadState, 'born'>): string {
  return `${sessionId}.${state.born}`;
}

export function formatState(state: UploadState): string {
  const document: Static<typeof Document> = {
    key: state.key,
    upload: state.uploadId,
    part_bytes: state.plan.partBytes,
    most_parts: state.plan.mostParts,
    shift: state.plan.shift,
    born: state.born,
    parts: state.parts,
    stored: state.stored,
    ...(state.tail && { tail: { key: state.tail.key, bytes: state.tail.bytes } }),
    ...(state.leftOvers && { left_overs: true as const }),
    ...(state.direct && { direct: state.direct }),
  };
  return JSON.stringify(document);
}

/** @throws SluiceError INTERNAL_ERROR for a text that this store did not write. */
export function parseState(storage: string): UploadState {
  const document = parseJson(storage);
  if (!Value.Check(Document, document)) {
    throw new SluiceError('INTERNAL_ERROR', 'The upload is not kept by the storage in use. Start a new one.');
  }
  return {
    key: document.key,
    uploadId: document.upload,
    plan: { partBytes: document.part_bytes, mostParts: document.most_parts, shift: document.shift },
    born: document.born,
    parts: document.parts,
    stored: document.stored,
    tail: document.tail ?? null,
    leftOvers: document.left_overs ?? false,
    direct: document.direct ?? null,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
