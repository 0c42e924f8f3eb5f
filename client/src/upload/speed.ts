export interface Speed {
  /** `bytes` are there at `now` (milliseconds). */
  note(bytes: number, now: number): void;
  /** Bytes per second; null until there is something to tell. */
  bytesPerSecond(): number | null;
  /** Forget what was: after a pause, or where the offset fell. */
  restart(): void;
}

/** How much of the past counts: quick enough to follow a change, slow enough to be read. */
const WINDOW_MS = 5000;
const LEAST_MS = 500;

/** The mean of the last seconds. */
export function createSpeed(): Speed {
  let samples: { readonly bytes: number; readonly at: number }[] = [];
  return {
    note(bytes, now) {
      const last = samples.at(-1);
      if (last && bytes < last.bytes) samples = [];
      samples.push({ bytes, at: now });
      while (samples.length > 2 && now - (samples[0]?.at ?? now) > WINDOW_MS) samples.shift();
    },
    bytesPerSecond() {
      const first = samples[0];
      const last = samples.at(-1);
      if (!first || !last || last.at - first.at < LEAST_MS) return null;
      return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
    },
    restart() {
      samples = [];
    },
  };
}
