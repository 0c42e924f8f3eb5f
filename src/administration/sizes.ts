const BYTES: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };

/** `1048576`, `500MiB` or `10GiB`, in bytes; null where it is none of these, or beyond 2^53 − 1. */
export function parseSize(text: string): number | null {
  const [, digits, unit = ''] = /^(\d{1,16})([KMGT]iB)?$/.exec(text) ?? [];
  const bytes = Number(digits) * (BYTES[unit] ?? 1);
  return Number.isSafeInteger(bytes) ? bytes : null;
}
