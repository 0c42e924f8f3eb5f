import type { Refusal } from '../../core/errors.ts';
import type { RateState } from './rate-limiter.ts';

/**
 * `RateLimit` and `RateLimit-Policy` as lists of structured items (draft-ietf-httpapi-ratelimit-headers-10,
 * sections 4 and 5): the policy's name, `q` permits and `w` seconds of its window; `r` permits left and `t`
 * seconds until all are back. No headers where nothing is limited.
 */
export function rateLimitHeaders(states: readonly RateState[]): Record<string, string> {
  if (states.length === 0) return {};
  return {
    'ratelimit-policy': states
      .map(({ policy }) => `"${policy.name}";q=${policy.permits};w=${policy.windowMs / 1000}`)
      .join(', '),
    ratelimit: states
      .map(({ policy, verdict }) => {
        const wait = Math.ceil((verdict.allowed ? verdict.resetMs : verdict.retryMs) / 1000);
        return `"${policy.name}";r=${verdict.remaining};t=${Math.max(1, wait)}`;
      })
      .join(', '),
  };
}

/** The same for a refusal whose details name a policy; its window is left out where it has none. */
export function headersOfRateRefusal({ details, retryAfterSeconds = 1 }: Refusal): Record<string, string> {
  const { policy, limit, window_seconds: window } = details ?? {};
  if (policy === undefined) return {};
  return {
    'ratelimit-policy': `"${policy}";q=${limit}${window === undefined ? '' : `;w=${window}`}`,
    ratelimit: `"${policy}";r=0;t=${retryAfterSeconds}`,
  };
}
