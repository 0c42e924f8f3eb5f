/**
 * npm run test:faults: the runner of npm test on test/faults, one file at a time so that figures are not
 * disturbed, and at the end a table of what was done, what it was judged by, and what was measured.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Row {
  readonly fault: string;
  readonly checked: string;
  readonly figures: Readonly<Record<string, number | string>>;
  readonly broken: string | null;
}

const RUNNER = fileURLToPath(new URL('run-tests.ts', import.meta.url));

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const long = process.env.SLUICE_FAULTS === 'long';
  const seed = process.env.SLUICE_SEED ?? String(Math.floor(Math.random() * 2 ** 31));
  const folder = mkdtempSync(join(tmpdir(), 'sluice-faults-'));
  const table = join(folder, 'table.jsonl');
  const named = args.some((arg) => !arg.startsWith('--'));
  const all = ['--one-at-a-time', ...(long ? ['--minutes=90'] : []), ...args];
  console.log(`SLUICE_SEED=${seed}, ${long ? 'long' : 'short'} form`);
  try {
    const runner = spawn(process.execPath, [RUNNER, ...(named ? [] : ['test/faults']), ...all], {
      env: { ...process.env, SLUICE_SEED: seed, SLUICE_FAULTS_TABLE: table },
      stdio: 'inherit',
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => runner.kill(signal));
    }
    const [code] = await once(runner, 'exit');
    console.log(`seed ${seed}, ${long ? 'long' : 'short'} form\n\n${tableOf(readRows(table))}`);
    return code === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readRows(file: string): Row[] {
  try {
    const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
    return lines.map((line): Row => JSON.parse(line));
  } catch {
    return [];
  }
}

function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(({ fault, checked, figures, broken }) => {
    const measured = Object.entries(figures).map(([name, value]) => `${name}: ${value}`);
    return `| ${fault} | ${checked} | ${measured.join('; ')} | ${broken === null ? 'kept' : `BROKEN: ${broken}`} |`;
  });
  return ['| fault or load | checked | figures | verdict |', '|---|---|---|---|', ...lines].join('\n');
}
