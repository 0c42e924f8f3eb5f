import { flag, text } from './variable-kinds.ts';

/** What the service tells of itself. */
export const observation = {
  METRICS: flag(
    true,
    'Count and measure, and serve what comes of it at `/metrics` for Prometheus: docs/metrics.md.',
  ),
  METRICS_TOKEN: text(
    'Where set, `/metrics` answers those who send it as `Authorization: Bearer …`, and nobody else. Where unset, it answers requests from loopback and private addresses that come past no proxy.',
    { secret: true },
  ),
};
