import type { Scanner } from '../core/ports.ts';
import type { Audit } from '../log/audit.ts';

/**
 * The same scanner, with a line for each finding and for each file that could not be scanned.
 * @param options.failOpen such a file is taken as if it were clean.
 */
export function auditScanner(
  scanner: Scanner,
  { audit, failOpen }: { readonly audit: Audit; readonly failOpen: boolean },
): Scanner {
  return {
    async scan(sessionId, bytes) {
      try {
        const verdict = await scanner.scan(sessionId, bytes);
        if (verdict.kind === 'infected') {
          audit.record('file.infected', { session_id: sessionId, signature: verdict.signature });
        }
        return verdict;
      } catch (fault) {
        audit.record('file.not_scanned', { session_id: sessionId, taken: failOpen, err: fault });
        if (failOpen) return { kind: 'clean' };
        throw fault;
      }
    },
  };
}
