import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Who may import whom under src/. A part is a folder or a file of src/; a folder may always import itself.
 * Parts that are not named here fail the test: place them first.
 */
const ALLOWED: Record<string, readonly string[]> = {
  core: [],
  // Each store for itself: no store knows another. What both databases read alike stands beside them.
  'stores/redis': ['core'],
  'stores/sql': ['core'],
  'stores/sqlite': ['core', 'stores/sql'],
  'stores/postgres': ['core', 'stores/sql'],
  'stores/disk': ['core'],
  'stores/s3': ['core'],
  'stores/memory': ['core'],
  'stores/encryption': ['core'],
  log: ['core'],
  scanning: ['core', 'log'],
  // Files that administrators send and get; the service and the commands read and write the same.
  administration: ['core'],
  engine: ['core'],
  events: ['core'],
  // They watch what the others do, and are known to none of them.
  metrics: ['core', 'engine', 'events', 'http'],
  tracing: ['core', 'engine', 'events', 'http'],
  // One layer: requests in, engine and core called, answers out.
  http: ['core', 'administration', 'engine', 'protocols', 'config', 'log'],
  protocols: ['core', 'engine', 'http'],
  config: ['core'],
  sweeper: ['core'],
  reconciler: ['core'],
  workers: [],
  'data-dir-lock': [],
  app: ['core', 'engine', 'events', 'http', 'protocols', 'config', 'log'],
  // The composition root and the commands on top of it: the only ones that know a store.
  main: ['*'],
  cli: ['*'],
};

/** core stands on Node alone; libraries belong to the rings around it. */
const WITHOUT_LIBRARIES = ['core'];

const MAX_LINES = 300;

const IMPORT =
  /^\s*(?:import|export)\b[^'"]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]/gm;

const sources = globSync('src/**/*.ts', { cwd: root });

test('imports run main → app → http, protocols → engine → core ← stores, never back', () => {
  const wrong = sources.flatMap((file) => {
    const from = partOf(file);
    if (!ALLOWED[from]) return [`${file}: "${from}" has no place in the table of this test`];
    return importsOf(file)
      .map((specifier) => ({ specifier, complaint: complaintAbout(file, from, specifier) }))
      .filter(({ complaint }) => complaint)
      .map(({ specifier, complaint }) => `${file} imports ${specifier}: ${complaint}`);
  });
  assert.deepEqual(wrong, []);
});

function complaintAbout(file: string, from: string, specifier: string): string | null {
  if (!specifier.startsWith('.')) {
    const library = !specifier.startsWith('node:');
    return library && WITHOUT_LIBRARIES.includes(from) ? `${from} uses no library` : null;
  }
  const target = posix.join(dirname(file), specifier);
  if (!target.startsWith('src/')) return target.endsWith('package.json') ? null : 'it lies outside src';
  const to = partOf(target);
  const allowed = ALLOWED[from] ?? [];
  return to === from || allowed.includes('*') || allowed.includes(to) ? null : `${from} may not know ${to}`;
}

/** `src/stores/redis/x.ts` → `stores/redis`, `src/config.ts` and `src/config/x.ts` → `config`. */
function partOf(file: string): string {
  const [, first = '', second = ''] = file.split('/');
  return first === 'stores' ? `stores/${second}` : first.replace(/\.ts$/, '');
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

test(`no source file is longer than ${MAX_LINES} lines, none is called utils`, () => {
  const files = [...sources, ...globSync('{scripts,test,client}/**/*.{ts,mjs}', { cwd: root })];
  const long = files.filter((file) => lineCount(file) > MAX_LINES);
  const vague = files.filter((file) => /\b(utils?|helpers?|misc|common)\.(ts|mjs)$/.test(file));
  assert.deepEqual({ long, vague }, { long: [], vague: [] });
});

function lineCount(file: string): number {
  return readFileSync(join(root, file), 'utf8').split('\n').length - 1;
}
