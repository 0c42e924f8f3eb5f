/**
 * npm test, once the packages are there: starts the servers that tests need, runs the test files, stops the
 * servers whatever happens, and closes with "N passed, N failed".
 *
 * Arguments: files or folders (default: all there are), `--test-name-pattern=…`, `--no-servers` for tests that
 * need none, and options for Node.
 */
import { existsSync, globSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { testServers } from './servers/all.ts';
import type { RunningServer, TestServer } from './servers/server.ts';
import { createTestReport, type TestCounts } from './test-report.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Test files at the same time; more would take the processor from tests that measure time. */
const CONCURRENCY = 2;
/** One test, unless it says otherwise. */
const TEST_TIMEOUT_MS = 240_000;
/** The whole run. */
const RUN_MINUTES = 45;

/** The service's tests, and those of the client's package. */
const ALL_TESTS = ['test', 'client/test'];
/** These take minutes: only for those who ask for them by name, as `npm run test:long` does. */
const LONG_TESTS = join(root, 'test/long/');

const WATCH_LINGERING = new URL('watch-lingering.ts', import.meta.url).href;

const NAME_PATTERN = '--test-name-pattern=';
const NO_SERVERS = '--no-servers';
const ONE_AT_A_TIME = '--one-at-a-time';
const MINUTES = '--minutes=';

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => stopped.abort(new Error(`stopped by ${signal}`)));
  }
  const minutes = Number(args.find((arg) => arg.startsWith(MINUTES))?.slice(MINUTES.length) ?? RUN_MINUTES);
  const deadline = setTimeout(() => {
    stopped.abort(new Error(`the run took longer than ${minutes} minutes`));
  }, minutes * 60_000);

  const running: RunningServer[] = [];
  try {
    const files = testFiles(args.filter((arg) => !arg.startsWith('--')));
    if (!args.includes(NO_SERVERS)) await startAll(testServers, running);
    const counts = await runFiles(files, args, stopped.signal);
    if (stopped.signal.aborted) console.error(`The run is not complete: ${stopped.signal.reason.message}.`);
    console.log(`${counts.passed} passed, ${counts.failed} failed`);
    return counts.failed > 0 || counts.passed === 0 || stopped.signal.aborted ? 1 : 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    clearTimeout(deadline);
    await Promise.all(running.map((server) => server.stop()));
  }
}

/** Start them side by side. What did start stands in `running`, even where another one did not. */
async function startAll(servers: readonly TestServer[], running: RunningServer[]): Promise<void> {
  const starts = await Promise.allSettled(servers.map((server) => server.start()));
  for (const start of starts) {
    if (start.status === 'rejected') continue;
    running.push(start.value);
    Object.assign(process.env, start.value.env);
  }
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed) throw failed.reason;
}

async function runFiles(files: string[], args: readonly string[], signal: AbortSignal): Promise<TestCounts> {
  const ours = [NO_SERVERS, ONE_AT_A_TIME];
  const flags = args.filter((arg) => arg.startsWith('--') && !ours.includes(arg) && !arg.startsWith(MINUTES));
  const namePatterns = flags
    .filter((flag) => flag.startsWith(NAME_PATTERN))
    .map((flag) => flag.slice(NAME_PATTERN.length));
  const report = createTestReport({
    write: (text) => process.stdout.write(text),
    root,
    chosenByName: namePatterns.length > 0,
  });
  const events = run({
    files,
    concurrency: args.includes(ONE_AT_A_TIME) ? 1 : CONCURRENCY,
    timeout: TEST_TIMEOUT_MS,
    signal,
    execArgv: ['--import', WATCH_LINGERING, ...flags.filter((flag) => !flag.startsWith(NAME_PATTERN))],
    ...(namePatterns.length ? { testNamePatterns: namePatterns } : {}),
  });
  for await (const event of events) report.handle(event);
  return report.counts();
}

/** Absolute paths of the test files in what was named, in order. */
function testFiles(named: readonly string[]): string[] {
  const folders = named.length ? named : ALL_TESTS.filter((folder) => existsSync(join(root, folder)));
  const files = folders.flatMap((name) => {
    const path = resolve(root, name);
    if (!existsSync(path)) throw new Error(`There is no ${name} to test.`);
    if (!statSync(path).isDirectory()) return [path];
    const found = globSync('**/*.test.ts', { cwd: path }).map((file) => join(path, file));
    return named.length ? found : found.filter((file) => !file.startsWith(LONG_TESTS));
  });
  return [...new Set(files)].sort();
}
