import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Percent of what is alive by which V8's old generation may grow before it is collected. */
const GROWTH = 30;

/**
 * Keeps garbage of this process small. V8 collects its old generation for the first time at 256 MB, and lets it grow
 * to a multiple after that: uploads that wait for the memory budget of S3 leave some 0.5 MB a second there, which is
 * 50 MB more after two minutes. From here on it grows by `GROWTH` at most. Under a load of JSON requests alone that
 * takes up to a tenth more processor time, so it is for S3 only.
 *
 * To be called once the service listens and what was compiled is kept: Node ties compiled code to V8's flags.
 */
export function boundGarbage(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH}`);
  // The rule holds from the first collection on. It also takes away what the start has left.
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof collect === 'function') collect();
}
