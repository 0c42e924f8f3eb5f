import type { Leases } from '../../core/ports.ts';

/** For a process that is alone: whatever it asks for it has. */
export function createMemoryLeases(): Leases {
  return { hold: async () => true, release: async () => {} };
}
