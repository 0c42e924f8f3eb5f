import type { Environment } from './parse.ts';

/** A variable that is none of ours but nearly is. */
export interface Mistyped {
  readonly name: string;
  /** The variable that was probably meant. */
  readonly meant: string;
}

/**
 * What somebody may have taken for a setting and is none, so that its default is in force in silence. Only names that
 * are a slip of the pen away from ours: the environment has much that belongs to others (`HOME` is near `HOST`;
 * `REDIS_PORT_6379_TCP` of Kubernetes and `AWS_PROFILE` begin as ours do), which is not to be called wrong.
 */
export function findMistyped(env: Environment, known: readonly string[]): Mistyped[] {
  const names = new Set(known);
  const ours = known.filter((name) => name.includes('_'));
  return Object.entries(env).flatMap(([name, value]) => {
    if (names.has(name) || !value?.trim()) return [];
    const meant = ours.find((one) => isAlike(name, one) && distance(name, one) <= slipsOf(one));
    return meant === undefined ? [] : [{ name, meant }];
  });
}

export function describeMistyped({ name, meant }: Mistyped): string {
  return `${name} is not known; did you mean ${meant}?`;
}

/** How many letters may be wrong: `REDIS_TTL` is not meant to be `REDIS_TLS`. */
function slipsOf(name: string): number {
  return name.length < 10 ? 1 : 2;
}

/** Two slips leave one of three pieces as it is. It is asked first, since a start compares some thousand pairs. */
function isAlike(name: string, known: string): boolean {
  const third = Math.ceil(known.length / 3);
  return [0, third, 2 * third].some((at) => name.includes(known.slice(at, at + third)));
}

/** Damerau's and Levenshtein's: how many letters to add, drop, change, or swap with their neighbour. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return Number.POSITIVE_INFINITY;
  const rows = [Array.from({ length: b.length + 1 }, (_, n) => n)];
  const at = (i: number, j: number) => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j += 1) {
      const changed = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swaps = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = swaps ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY;
      row.push(Math.min(changed, swapped, at(i - 1, j) + 1, at(i, j - 1) + 1));
    }
  }
  return at(a.length, b.length);
}
