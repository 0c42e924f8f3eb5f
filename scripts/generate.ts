/**
 * Writes what is made from the code: openapi.json from the route schemas, docs/api.md from both, docs/config.md from the schema of
 * the configuration, docs/metrics.md from the table of metrics, deploy/grafana/dashboards from their plan. With
 * --check nothing is written, and the exit code is 1 where one of them is stale.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeApiReference } from './lib/api-reference.ts';
import { describeConfiguration } from './lib/config-reference.ts';
import { describeDashboards } from './lib/dashboards/grafana.ts';
import { describeMetrics } from './lib/metrics-reference.ts';
import { describeApi } from './lib/openapi-document.ts';

const root = new URL('..', import.meta.url);

const openapi = await describeApi();
const documents: readonly { readonly path: string; readonly text: string }[] = [
  { path: 'openapi.json', text: openapi },
  { path: 'docs/api.md', text: describeApiReference(openapi) },
  { path: 'docs/config.md', text: describeConfiguration() },
  { path: 'docs/metrics.md', text: describeMetrics() },
  ...describeDashboards(),
];

const check = process.argv.includes('--check');
for (const { path, text } of documents) {
  const file = fileURLToPath(new URL(path, root));
  const present = await readFile(file, 'utf8').catch(() => '');
  if (present === text) continue;
  if (check) {
    console.error(`${path} is stale. Run "npm run generate" and commit what it writes.`);
    process.exitCode = 1;
    continue;
  }
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  console.log(`wrote ${path}`);
}
