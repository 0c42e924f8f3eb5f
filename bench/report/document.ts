import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Results, WorkloadResult } from '../harness/results.ts';
import { TARGETS } from '../targets.ts';
import { chartsOf } from './charts.ts';
import { judge } from './judge.ts';
import { measureTable, remarks, targetTable } from './table.ts';

const RESULTS = fileURLToPath(new URL('../results.json', import.meta.url));
const DOCUMENT = fileURLToPath(new URL('../../docs/performance.md', import.meta.url));
const PICTURES = fileURLToPath(new URL('../../docs/pictures/', import.meta.url));

const BEGIN = '<!-- Made by "npm run bench": what stands between these two lines is written anew. -->';
const END = '<!-- The end of what "npm run bench" writes. -->';

export interface Kept {
  readonly machine: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly measured: readonly WorkloadResult[];
}

/**
 * Write what was measured into bench/results.json and docs/performance.md. Workloads that were not measured this
 * time keep the results they have. A quick run writes nothing.
 */
export async function keepResults(
  { machine, versions, measured }: Kept,
  { quick, order }: { readonly quick: boolean; readonly order: readonly string[] },
): Promise<Results> {
  const at = new Date().toISOString().slice(0, 10);
  if (quick) return { at, quick, machine, versions, workloads: measured };

  const before = await resultsBefore();
  const all = [
    ...measured,
    ...(before?.workloads ?? []).filter(({ id }) => !measured.some((one) => one.id === id)),
  ];
  const known = all.filter(({ id }) => order.includes(id));
  known.sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
  const results = { at, quick, machine, versions: { ...before?.versions, ...versions }, workloads: known };
  await writeFile(RESULTS, `${JSON.stringify(results, null, 1)}\n`);
  await writeDocument(results);
  return results;
}

async function resultsBefore(): Promise<Results | null> {
  return existsSync(RESULTS) ? JSON.parse(await readFile(RESULTS, 'utf8')) : null;
}

async function writeDocument(results: Results): Promise<void> {
  await mkdir(dirname(DOCUMENT), { recursive: true });
  const text = existsSync(DOCUMENT)
    ? await readFile(DOCUMENT, 'utf8')
    : `# Performance\n\n${BEGIN}\n${END}\n`;
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin)
    throw new Error('docs/performance.md has lost the lines that mark its table.');

  await mkdir(PICTURES, { recursive: true });
  const pictures: string[] = [];
  for (const { name, alt, svg } of chartsOf(results)) {
    await writeFile(`${PICTURES}${name}.svg`, svg);
    pictures.push(`![${alt}](pictures/${name}.svg)`);
  }
  const facts = Object.entries({ measured: results.at, ...results.machine, ...results.versions });
  const parts = [
    facts.map(([name, value]) => `- ${name}: ${value}`).join('\n'),
    '### Targets',
    targetTable(judge(results, TARGETS)),
    remarks(results),
    '### All figures',
    pictures.join('\n\n'),
    measureTable(results),
  ];
  const made = parts.filter((part) => part !== '').join('\n\n');
  await writeFile(DOCUMENT, `${text.slice(0, begin)}${BEGIN}\n\n${made}\n\n${text.slice(end)}`);
}
