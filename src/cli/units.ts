import { parseSize } from '../administration/sizes.ts';
import { parseUuid } from '../core/session-id.ts';
import { usageFailure } from './command.ts';

/** Values of options as people write them. Each fails with a sentence that names the option. */

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `90`, `90s`, `15m`, `12h` or `7d`, in seconds. */
export function readDuration(option: string, text: string): number {
  const [, digits = '', unit = 's'] = /^([1-9]\d{0,8})([smhd])?$/.exec(text) ?? [];
  if (digits === '') throw usageFailure(`${option} must be a time such as 900, 15m, 12h or 7d.`);
  return Number(digits) * (SECONDS[unit] ?? 1);
}

/** `1048576`, `500MiB` or `10GiB`, in bytes. */
export function readSize(option: string, text: string): number {
  const bytes = parseSize(text);
  if (bytes === null) throw usageFailure(`${option} must be a size such as 1048576 or 10GiB.`);
  return bytes;
}

/** As `readSize`, or `default`: null. */
export function readLimit(option: string, text: string): number | null {
  return text === 'default' ? null : readSize(option, text);
}

const MAX_COUNT = 1_000_000;

/** A number of things, 1 or more. */
export function readCount(option: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const count = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > MAX_COUNT)
    throw usageFailure(`${option} must be a number from 1 to ${MAX_COUNT}.`);
  return count;
}

/** One of the words that the option takes. */
export function readChoice<const T extends string>(option: string, words: readonly T[], text: string): T {
  const word = words.find((one) => one === text);
  if (word === undefined) throw usageFailure(`${option} must be one of ${words.join(', ')}.`);
  return word;
}

/** A moment as RFC 3339 writes it, or so long ago (`90m`, `7d`); milliseconds since the epoch. */
export function readMoment(option: string, text: string): number {
  const moment = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(moment)) return moment;
  if (/^\d+[smhd]$/.test(text)) return Date.now() - readDuration(option, text) * 1000;
  throw usageFailure(`${option} must be a moment such as 2026-01-31T12:00:00Z, or a time ago such as 12h.`);
}

/** A user id, in lower case. */
export function readUser(text: string | undefined): string {
  const userId = text === undefined ? null : parseUuid(text);
  if (userId === null) throw usageFailure('--user must be given, and be a UUID.');
  return userId;
}
