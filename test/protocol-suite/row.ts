import type { BackendName } from './backend.ts';
import type { Context } from './context.ts';

/** One promise of the upload resource, and how to see that it is kept. Rows run beside one another. */
export interface Row {
  readonly promise: string;
  /** Where it is written: tus 1.0.0, the IETF draft, an RFC, or the protocol's own rules. */
  readonly section: string;
  /** Backends that can keep it; default: all. */
  readonly only?: readonly BackendName[];
  run(context: Context): Promise<void>;
}

/** The section of draft-ietf-httpbis-resumable-upload, in its newest text. */
export const draft = (section: string) => `draft-ietf-httpbis-resumable-upload ${section}`;
export const tus = (section: string) => `tus 1.0.0, ${section}`;
/** docs/protocol.md */
export const rule = (section: string) => `protocol, ${section}`;
