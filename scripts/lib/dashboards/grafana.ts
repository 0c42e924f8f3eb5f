import { OVERVIEW } from './overview.ts';
import { PARTS } from './parts.ts';
import type { DashboardPlan, PanelPlan } from './plan.ts';

const DATASOURCE = { type: 'prometheus', uid: 'prometheus' };
const WIDTH = 24;
const HEIGHT = { stat: 4, timeseries: 8 } as const;

/** The dashboards as Grafana reads them, by file name. */
export function describeDashboards(): { readonly path: string; readonly text: string }[] {
  return [OVERVIEW, PARTS].map((plan) => ({
    path: `deploy/grafana/dashboards/${plan.uid}.json`,
    text: `${JSON.stringify(describeDashboard(plan), null, 2)}\n`,
  }));
}

function describeDashboard({ uid, title, description, rows }: DashboardPlan) {
  return {
    uid,
    title,
    description,
    tags: ['sluice'],
    schemaVersion: 39,
    editable: false,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: { list: [INSTANCES] },
    links: [{ type: 'dashboards', title: 'Sluice', tags: ['sluice'], asDropdown: false, keepTime: true }],
    annotations: { list: [FIRING] },
    panels: layOut(rows),
  };
}

const INSTANCES = {
  name: 'instance',
  label: 'Instance',
  type: 'query',
  datasource: DATASOURCE,
  query: { query: 'label_values(up{job="sluice"}, instance)', refId: 'instances' },
  refresh: 2,
  multi: true,
  includeAll: true,
  allValue: '.*',
  current: { selected: true, text: ['All'], value: ['$__all'] },
};

const FIRING = {
  name: 'Alerts',
  datasource: DATASOURCE,
  enable: true,
  iconColor: 'red',
  expr: 'ALERTS{alertname=~"Sluice.*",alertstate="firing"}',
  titleFormat: '{{alertname}}',
};

/** Rows from top to bottom, panels side by side: three, or as many stats as a row has. */
function layOut(rows: DashboardPlan['rows']): object[] {
  const laid: object[] = [];
  let y = 0;
  for (const { title, panels } of rows) {
    laid.push({
      id: laid.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: WIDTH, h: 1 },
      panels: [],
    });
    y += 1;
    const perLine = panels.every(({ kind }) => kind === 'stat') ? panels.length : Math.min(3, panels.length);
    const w = WIDTH / perLine;
    const h = HEIGHT[panels[0]?.kind ?? 'timeseries'];
    for (const [n, panel] of panels.entries()) {
      const gridPos = { x: (n % perLine) * w, y: y + Math.floor(n / perLine) * h, w, h };
      laid.push({ id: laid.length + 1, gridPos, ...describePanel(panel) });
    }
    y += Math.ceil(panels.length / perLine) * h;
  }
  return laid;
}

function describePanel({ title, about, unit, kind, lines, bad, stacked }: PanelPlan): object {
  const steps = [
    { color: 'green', value: null },
    ...(bad === undefined ? [] : [{ color: 'red', value: bad }]),
  ];
  const custom = {
    fillOpacity: stacked ? 40 : 5,
    showPoints: 'never',
    stacking: { mode: stacked ? 'normal' : 'none', group: 'A' },
    thresholdsStyle: { mode: bad === undefined ? 'off' : 'line' },
  };
  return {
    type: kind ?? 'timeseries',
    title,
    ...(about ? { description: about } : {}),
    datasource: DATASOURCE,
    targets: lines.map(([expr, legendFormat], n) => ({
      refId: String.fromCharCode(65 + n),
      datasource: DATASOURCE,
      expr,
      legendFormat,
      ...(kind === 'stat' ? { instant: true } : { range: true }),
    })),
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        thresholds: { mode: 'absolute', steps },
        ...(kind === 'stat' ? { noValue: 'no data', decimals: 2 } : { custom }),
      },
      overrides: [],
    },
    options:
      kind === 'stat'
        ? { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'background', graphMode: 'none' }
        : { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
  };
}
