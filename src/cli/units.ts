import { parseUuid } from '../core/session-id.ts';
import { usageFailure } from './command.ts';

/** Values of options as people write them. Each fails with a sentence that names the option. */

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const BYTES: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };

/** `90`, `90s`, `15m`, `12h` or `7d`, in seconds. */
export function readDuration(option: string, text: string): number {
  const [, digits = '', unit = 's'] = /^([1-9]\d{0,8})([smhd])?$/.exec(text) ?? [];
  if (digits === '') throw usageFailure(`${option} must be a time such as 900, 15m, 12h or 7d.`);
  return Number(digits) * (SECONDS[unit] ?? 1);
}

/** `1048576`, `500MiB` or `10GiB`, in bytes. */
export function readSize(option: string, text: string): number {
  const [, digits, unit = ''] = /^(\d{1,16})([KMGT]iB)?$/.exec(text) ?? [];
  const bytes = Number(digits) * (BYTES[unit] ?? 1);
  if (!Number.isSafeInteger(bytes)) throw usageFailure(`${option} must be a size such as 1048576 or 10GiB.`);
  return bytes;
}

/** A user id, in lower case. */
export function readUser(text: string | undefined): string {
  const userId = text === undefined ? null : parseUuid(text);
  if (userId === null) throw usageFailure('--user must be given, and be a UUID.');
  return userId;
}
