/**
 * The dashboards of deploy/grafana, as the rows and panels that they show. Metrics that are shared (docs/metrics.md)
 * are asked for by max(), all others by sum().
 */

export interface PanelPlan {
  readonly title: string;
  /** What a reader has to know to judge it. */
  readonly about?: string;
  /** Grafana's name of the unit. */
  readonly unit: string;
  readonly kind?: 'stat';
  /** Queries, each with what its lines are called. */
  readonly lines: readonly (readonly [query: string, legend: string])[];
  /** From here on a value is bad. */
  readonly bad?: number;
  readonly stacked?: boolean;
}

export interface DashboardPlan {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly rows: readonly { readonly title: string; readonly panels: readonly PanelPlan[] }[];
}

export const ALL = 'job="sluice",instance=~"$instance"';
export const rate = (metric: string, labels = '') =>
  `rate(${metric}{${ALL}${labels && `,${labels}`}}[$__rate_interval])`;
export const quantile = (q: number, metric: string, by = '', labels = '') =>
  `histogram_quantile(${q}, sum by (le${by && `, ${by}`}) (${rate(`${metric}_bucket`, labels)}))`;
export const quantiles = (metric: string): PanelPlan['lines'] => [
  [quantile(0.5, metric), 'half'],
  [quantile(0.95, metric), '95 %'],
  [quantile(0.99, metric), '99 %'],
];
