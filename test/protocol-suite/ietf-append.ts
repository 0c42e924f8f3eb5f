import { APPEND, type Context, type Upload } from './context.ts';
import type { Headers } from './line.ts';

/** An append as the IETF draft has it: from this offset, and whether the upload ends with it. */
export function append(
  { send }: Pick<Context, 'send'>,
  upload: Upload,
  [offset, complete]: readonly [number | string, '?0' | '?1'],
  body: Uint8Array,
  headers: Headers = {},
) {
  const all = { ...APPEND, 'upload-offset': offset, 'upload-complete': complete, ...headers };
  return send('PATCH', upload.target, all, body);
}
