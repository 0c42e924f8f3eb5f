import type { SessionStatus } from '@sluice/client';
import type { ServiceLimits } from '../service-limits.ts';

export type RefusalReason = 'format' | 'size' | 'empty' | 'twice' | 'elsewhere';

export interface RefusedFile {
  readonly name: string;
  readonly reason: RefusalReason | { readonly notOfSession: string };
}

/** Other endings of the containers that the service names. */
const SAME_FORMAT: Readonly<Record<string, string>> = { m4v: 'mp4', qt: 'mov' };

export interface Judgement {
  readonly limits: ServiceLimits;
  /** Files that are on the list or on their way. */
  readonly present: readonly { readonly name: string; readonly size: number }[];
  /** Sessions that move in another tab or on another device. */
  readonly moving: readonly SessionStatus[];
}

/** Why the file cannot be added, or null. By its name only: what is in it, the service finds out itself. */
export function reasonToRefuse(file: File, { limits, present, moving }: Judgement): RefusalReason | null {
  const { allowedFormats, maxFileSize } = limits;
  if (allowedFormats !== '*' && !allowedFormats.includes(formatOf(file.name))) return 'format';
  if (file.size === 0) return 'empty';
  if (file.size > maxFileSize) return 'size';
  if (present.some(({ name, size }) => name === file.name && size === file.size)) return 'twice';
  const isMoving = moving.some(
    ({ filename, upload_length, expected_file_size }) =>
      filename === file.name && (upload_length ?? expected_file_size) === file.size,
  );
  return isMoving ? 'elsewhere' : null;
}

function formatOf(name: string): string {
  const ending = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  return SAME_FORMAT[ending] ?? ending;
}

/** For `accept` of a file input. */
export function acceptedEndings({ allowedFormats }: ServiceLimits): string {
  if (allowedFormats === '*') return 'video/*';
  const others = Object.entries(SAME_FORMAT).filter(([, format]) => allowedFormats.includes(format));
  return [...allowedFormats, ...others.map(([ending]) => ending)].map((ending) => `.${ending}`).join(',');
}
