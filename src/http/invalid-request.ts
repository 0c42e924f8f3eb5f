import { type Refusal, refused } from '../core/errors.ts';

/** One fault in a request. `path` is a JSON pointer into the body, or begins with `query/`, `path/` or `header/`. */
export interface BodyFault {
  readonly path: string;
  readonly message: string;
}

/** Most faults that one answer lists: an array of a million wrong entries needs no million sentences. */
const MAX_FAULTS = 64;

/** The refusal of a request that has these faults. */
export function invalidRequestRefusal(faults: readonly BodyFault[]): Refusal {
  const listed = faults.slice(0, MAX_FAULTS);
  const first = listed[0];
  const where = first === undefined || first.path === '' ? 'The request' : first.path;
  const more = listed.length > 1 ? ` (and ${listed.length - 1} more: see details.errors)` : '';
  return refused('INVALID_REQUEST', `${where} ${first?.message ?? 'is not valid'}${more}.`, {
    details: { errors: listed },
  }).refusal;
}

const refusals = new WeakMap<Error, Refusal>();

/** The same as an error, for places that can only throw. */
export function invalidRequest(faults: readonly BodyFault[]): Error {
  const refusal = invalidRequestRefusal(faults);
  const error = new Error(refusal.message);
  refusals.set(error, refusal);
  return error;
}

/** The refusal that an error made by `invalidRequest` stands for. */
export function refusalOfError(error: Error): Refusal | undefined {
  return refusals.get(error);
}
