/** A `bigint` as PostgreSQL writes it. Throws rather than round what lies beyond 2^53 − 1. */
export function safeInteger(digits: string): number {
  const value = Number(digits);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${digits} does not fit into a number`);
  return value;
}
