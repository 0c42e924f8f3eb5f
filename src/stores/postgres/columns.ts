export type Row = Readonly<Record<string, unknown>>;

/** Typed reading of a row. `bigint` columns arrive as numbers that are exact: see `safeInteger`. */
export function integer(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw wrongType(column, 'an integer');
  return value;
}

export function integerOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : integer(row, column);
}

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw wrongType(column, 'a text');
  return value;
}

export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

/** A `bigint` as PostgreSQL writes it. Throws rather than round what lies beyond 2^53 − 1. */
export function safeInteger(digits: string): number {
  const value = Number(digits);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${digits} does not fit into a number`);
  return value;
}

function wrongType(column: string, wanted: string): TypeError {
  return new TypeError(`column ${column} is not ${wanted}`);
}
