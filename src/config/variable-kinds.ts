import { Type } from 'typebox';

/** What environment variables can hold; `variables.ts` says what the annotations mean. */

interface Extra {
  readonly embedded?: string | number | boolean | readonly string[];
  readonly secret?: true;
}

export const text = (description: string, extra: Extra = {}) =>
  Type.Optional(Type.String({ description, ...extra }));

export const textOr = (fallback: string, description: string, extra: Extra = {}) =>
  Type.String({ description, default: fallback, ...extra });

export const whole = (
  fallback: number,
  [minimum, maximum]: readonly [number, number],
  description: string,
  extra: Extra = {},
) => Type.Integer({ description, default: fallback, minimum, maximum, ...extra });

export const flag = (fallback: boolean, description: string, extra: Extra = {}) =>
  Type.Boolean({ description, default: fallback, ...extra });

export const list = (fallback: readonly string[], description: string, extra: Extra = {}) =>
  Type.Array(Type.String(), { description, default: fallback, ...extra });

export const choice = <const V extends string[]>(
  fallback: V[number],
  values: readonly [...V],
  description: string,
  extra: Extra = {},
) => Type.Enum(values, { description, default: fallback, ...extra });
