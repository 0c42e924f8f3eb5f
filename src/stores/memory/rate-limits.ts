import { LRUCache } from 'lru-cache';
import type { RateLimits } from '../../core/ports.ts';

/** Subjects that are remembered. A flood of new ones makes the longest silent forgotten, not the process grow. */
const SUBJECTS = 100_000;

/**
 * Permits of one process: enough where there is only one. The arithmetic is that of take-permit.lua, by a clock that
 * nobody sets back.
 */
export function createMemoryRateLimits(): RateLimits {
  const fullAt = new LRUCache<string, number>({ max: SUBJECTS });

  return {
    async take({ name, permits, windowMs }, subject) {
      const key = `${name}:${subject.kind === 'user' ? subject.userId : subject.address}`;
      const now = performance.now();
      const full = Math.max(now, fullAt.get(key) ?? now);
      const after = full + windowMs / permits;
      const missing = after - now - windowMs;
      // What is lost to rounding is no reason to refuse.
      if (missing > 0.001) {
        return {
          allowed: false,
          remaining: 0,
          resetMs: Math.ceil(full - now),
          retryMs: Math.ceil(missing),
        };
      }
      fullAt.set(key, after);
      const remaining = Math.max(0, Math.floor(((0.001 - missing) * permits) / windowMs));
      return { allowed: true, remaining, resetMs: Math.ceil(after - now), retryMs: 0 };
    },
  };
}
