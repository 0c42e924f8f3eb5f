/** Rejects with the signal's reason as soon as that is aborted, though the step itself may go on or hang. */
export function unlessAborted<T>(step: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return step;
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  return Promise.race([step, promise]).finally(() => signal.removeEventListener('abort', abort));
}
