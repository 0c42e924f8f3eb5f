/**
 * Carries messages to whoever listens for a user, in this process or another, and remembers the last minute
 * of them. Nobody waits for it: a message that cannot be carried is lost, and the session store still knows.
 */
export interface Relay {
  publish(userId: string, message: string): void;
  /**
   * Messages after `afterId` (as far as they are remembered; none where it is null), then each as it comes, in
   * order and once. Resolves with the way to stop, once nothing can be missed any more.
   */
  subscribe(userId: string, afterId: string | null, listener: RelayListener): Promise<() => void>;
}

export type RelayListener = (id: string, message: string) => void;

/** Messages are remembered for so long, and so many of them a user. */
export const REMEMBERED_MS = 60_000;
export const REMEMBERED_MESSAGES = 1000;

const ID = /^(\d{1,15})-(\d{1,15})$/;

/** Ids are those of Redis streams: milliseconds, a dash, a number. Null where it is none. */
function parseId(text: string): readonly [number, number] | null {
  const parts = ID.exec(text);
  return parts ? [Number(parts[1]), Number(parts[2])] : null;
}

/** Whether `id` comes after `other`. */
export function isAfter(id: string, other: string): boolean {
  const [ms, seq] = parseId(id) ?? [0, 0];
  const [otherMs, otherSeq] = parseId(other) ?? [0, 0];
  return ms === otherMs ? seq > otherSeq : ms > otherMs;
}
