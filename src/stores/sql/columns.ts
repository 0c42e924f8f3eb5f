/** A row as either database gives it: `node:sqlite`, and `pg` with our own reading of `bigint`. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * Typed reading of a row. Integers arrive as numbers that are exact: `node:sqlite` throws on what lies beyond
 * 2^53 − 1, and so does `safeInteger` for PostgreSQL.
 */
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

function wrongType(column: string, wanted: string): TypeError {
  return new TypeError(`column ${column} is not ${wanted}`);
}
