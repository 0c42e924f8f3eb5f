/** Known at once, or later. */
export type Eventual<T> = T | Promise<T>;

/**
 * What follows from `value`, in this very turn where it is known already: a step that waits for what is there costs
 * each request more than finding it did.
 */
export function whenKnown<T, U>(value: Eventual<T>, next: (value: T) => Eventual<U>): Eventual<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}
