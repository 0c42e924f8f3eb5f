import type { MeasureResult, Results } from '../harness/results.ts';
import { spreadOf } from '../harness/statistics.ts';
import { figure } from './table.ts';

export interface Chart {
  /** Of the file, without its extension. */
  readonly name: string;
  readonly alt: string;
  readonly svg: string;
}

const WIDTH = 720;
const LABEL = 150;
const BAR = 22;
const GAP = 8;
const HEAD = 34;

/** One chart of bars for each measure that has somebody to compare ours to. */
export function chartsOf({ workloads }: Results): Chart[] {
  return workloads.flatMap(({ id, measures }) =>
    measures
      .filter(({ samples }) => Object.keys(samples).length > 1)
      .map((measure) => ({
        name: `performance-${id}-${measure.id}`,
        alt: `${measure.title} in ${measure.unit}: ${told(measure)}`,
        svg: draw(measure),
      })),
  );
}

function told({ samples }: MeasureResult): string {
  return Object.entries(samples)
    .map(([name, values]) => `${name} ${figure(spreadOf(values).median)}`)
    .join(', ');
}

/** Bars are medians; the line across the end of each reaches from the least to the most. Fits light and dark pages. */
function draw({ title, unit, samples }: MeasureResult): string {
  const bars = Object.entries(samples).map(([name, values]) => ({ name, ...spreadOf(values) }));
  const most = Math.max(...bars.map((bar) => bar.most));
  const scale = (WIDTH - LABEL - 110) / (most > 0 ? most : 1);
  const height = HEAD + bars.length * (BAR + GAP);
  const rows = bars.map((bar, index) => {
    const y = HEAD + index * (BAR + GAP);
    const middle = y + BAR / 2;
    const [from, to, end] = [bar.least, bar.most, bar.median].map((value) => round(LABEL + value * scale));
    return [
      `<text x="${LABEL - 10}" y="${middle + 5}" text-anchor="end">${escaped(bar.name)}</text>`,
      `<rect x="${LABEL}" y="${y}" width="${round(bar.median * scale)}" height="${BAR}" fill="${index === 0 ? '#0f7ab8' : '#8a949e'}"/>`,
      `<path d="M${from} ${middle}H${to}" stroke="#d9822b" stroke-width="2"/>`,
      `<text x="${Math.max(to ?? 0, end ?? 0) + 8}" y="${middle + 5}">${escaped(figure(bar.median))}</text>`,
    ].join('');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>${escaped(title)}</title>
<style>text{font:14px sans-serif;fill:#1c2733}@media(prefers-color-scheme:dark){text{fill:#e6edf3}}</style>
<text x="0" y="18" font-weight="bold">${escaped(`${title}, ${unit}`)}</text>
${rows.join('\n')}
</svg>
`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
