import type { DashboardPlan, PanelPlan } from './plan.ts';

/** One line of a panel. */
export interface Recorded {
  readonly labels: Readonly<Record<string, string>>;
  /** Place in the time shown, 0 to 1, and value. */
  readonly points: readonly (readonly [at: number, value: number])[];
}

interface Line extends Recorded {
  readonly name: string;
}

const COLOURS = ['#2f7ed8', '#43a047', '#f9a825', '#e53935', '#8e24aa', '#00897b', '#6d4c41', '#546e7a'];
const [WIDTH, HEIGHT] = [380, 130];

/** A page that shows the dashboard's panels. */
export async function drawDashboard(
  { title, rows }: DashboardPlan,
  record: (query: string) => Promise<Recorded[]>,
): Promise<string> {
  const parts: string[] = [`<h1>${title}</h1>`];
  for (const row of rows) {
    const panels = await Promise.all(row.panels.map((panel) => drawPanel(panel, record)));
    const columns = row.panels.every(({ kind }) => kind === 'stat') ? panels.length : 3;
    parts.push(
      `<h2>${row.title}</h2><div style="grid-template-columns:repeat(${columns},1fr)">${panels.join('')}</div>`,
    );
  }
  return `<!doctype html><style>${STYLE}</style>${parts.join('')}`;
}

const STYLE = `body{font:12px system-ui,sans-serif;margin:16px;background:#f4f5f5;color:#222}h1{font-size:18px}h2{font-size:13px;margin:14px 0 6px}
div{display:grid;gap:8px}section{background:#fff;border:1px solid #ddd;border-radius:3px;padding:8px}h3{font-size:12px;margin:0 0 4px}
svg{width:100%;display:block}p{margin:4px 0 0;line-height:1.5}b{font-size:26px;display:block;text-align:center;padding:8px}i{font-style:normal;margin-right:8px;white-space:nowrap}`;

async function drawPanel(panel: PanelPlan, record: (query: string) => Promise<Recorded[]>): Promise<string> {
  const recorded = await Promise.all(
    panel.lines.map(async ([query, legend]) =>
      (await record(query)).map((one): Line => {
        const points = one.points.filter(([, value]) => Number.isFinite(value));
        return {
          ...one,
          points,
          name: legend.replace(/\{\{(\w+)\}\}/g, (_, label) => one.labels[label] ?? ''),
        };
      }),
    ),
  );
  const lines = recorded.flat();
  const body = panel.kind === 'stat' ? drawStat(panel, lines) : drawLines(panel, lines);
  return `<section><h3>${panel.title}</h3>${body}</section>`;
}

function drawStat({ unit, bad = Infinity }: PanelPlan, lines: readonly Line[]): string {
  const value = lines[0]?.points.at(-1)?.[1];
  if (value === undefined) return '<b>no data</b>';
  return `<b style="color:${value >= bad ? '#e53935' : '#43a047'}">${inUnit(value, unit)}</b>`;
}

function drawLines({ unit, stacked = false }: PanelPlan, lines: readonly Line[]): string {
  const below = new Map<number, number>();
  const placed = lines.map(({ points }) =>
    points.map(([at, value]): [number, number, number] => {
      const base = stacked ? (below.get(at) ?? 0) : 0;
      below.set(at, base + value);
      return [at, base, base + value];
    }),
  );
  const top = Math.max(1e-9, ...placed.flat().map(([, , value]) => value)) * 1.1;
  const x = (at: number) => (at * WIDTH).toFixed(1);
  const y = (value: number) => (HEIGHT - (value / top) * HEIGHT).toFixed(1);
  const shapes = placed.map((points, n) => {
    const colour = COLOURS[n % COLOURS.length];
    const upper = points.map(([at, , value]) => `${x(at)},${y(value)}`).join(' ');
    const lower = points.map(([at, base]) => `${x(at)},${y(base)}`).reverse();
    const area = stacked
      ? `<polygon points="${upper} ${lower.join(' ')}" fill="${colour}" opacity=".35"/>`
      : '';
    return `${area}<polyline points="${upper}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
  });
  const marks = [0.25, 0.5, 0.75].map(
    (part) =>
      `<line x1="0" x2="${WIDTH}" y1="${HEIGHT * part}" y2="${HEIGHT * part}" stroke="#eee"/>` +
      `<text x="2" y="${HEIGHT * part - 2}" font-size="9" fill="#888">${inUnit(top * (1 - part), unit)}</text>`,
  );
  const legend = lines.map(({ name }, n) => `<i style="color:${COLOURS[n % COLOURS.length]}">━ ${name}</i>`);
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}">${marks.join('')}${shapes.join('')}</svg><p>${legend.join(' ') || 'nothing'}</p>`;
}

function inUnit(value: number, unit: string): string {
  if (unit === 'percentunit') return `${(value * 100).toFixed(2)} %`;
  if (unit === 's') return value < 1 ? `${(value * 1000).toFixed(1)} ms` : `${value.toFixed(1)} s`;
  const digits = Number(value.toPrecision(3));
  if (unit === 'bytes' || unit === 'Bps') {
    const per = unit === 'Bps' ? '/s' : '';
    return value >= 1_000_000
      ? `${(value / 1_000_000).toFixed(1)} MB${per}`
      : `${(value / 1000).toFixed(1)} kB${per}`;
  }
  return unit === 'short' ? String(digits) : `${digits}/s`;
}
