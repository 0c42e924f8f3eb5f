import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endWithUs } from '../../scripts/lib/servers/child.ts';
import { findProgram } from '../../scripts/lib/servers/program.ts';
import type { Running } from '../harness/contract.ts';
import { cpuSeconds } from '../harness/process-usage.ts';

/** Requests that a load repeats in turn. */
export interface LoadRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Load {
  readonly url: string;
  readonly requests: readonly LoadRequest[];
  readonly connections: number;
  readonly seconds: number;
  /** Requests per second to stay at; left out: as many as go. */
  readonly rate?: number;
}

export interface LoadResult {
  /** Answers per second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** Load of POST requests by wrk, in one thread. Throws where an answer was no success. */
export async function loadWithWrk(load: Load): Promise<LoadResult> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-wrk-'));
  try {
    const script = join(folder, 'load.lua');
    await writeFile(script, scriptOf(load));
    const wrk = findProgram({ name: 'wrk', debianPackage: 'wrk' });
    const args = [
      '-t1',
      `-c${load.connections}`,
      `-d${load.seconds}s`,
      '--timeout',
      '10s',
      '-s',
      script,
      load.url,
    ];
    const child = spawn(wrk, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
    const end = endWithUs(child);
    await once(child, 'close');
    await end();
    return resultOf(said);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function resultOf(said: string): LoadResult {
  const line = said.split('\n').find((one) => one.startsWith('RESULT '));
  const [requests, microseconds, p50, p99, refused, failed] = (line ?? '').split(' ').slice(1).map(Number);
  if (!requests || !microseconds || p50 === undefined || p99 === undefined) {
    throw new Error(`wrk told no result: ${said.trim().split('\n').at(-1)}`);
  }
  // One connection that is cut at the very end is wrk's own doing.
  if (refused || (failed ?? 0) > 1)
    throw new Error(`${refused} of ${requests} answers were refusals, ${failed} never came`);
  return { rate: requests / (microseconds / 1e6), p50: p50 / 1000, p99: p99 / 1000 };
}

/**
 * The requests are made once, before the load: wrk shares the processor with what it measures. To hold a rate each
 * connection waits after an answer, by chance between nothing and twice the mean, so that arrivals do not march.
 */
function scriptOf({ requests, connections, rate }: Load): string {
  const list = requests.map(
    ({ path, headers, body }) =>
      `wrk.format('POST', ${quote(path)}, {${Object.entries(headers)
        .map(([name, value]) => `[${quote(name)}]=${quote(value)}`)
        .join(',')}}, ${quote(body)})`,
  );
  const pause = rate === undefined ? 0 : (2000 * connections) / rate;
  return `
local requests, next = {}, 0
function init()
${list.map((one) => `  requests[#requests + 1] = ${one}`).join('\n')}
end
function request()
  next = next % #requests + 1
  return requests[next]
end
${pause > 0 ? `function delay() return math.random(0, ${Math.round(pause)}) end` : ''}
function done(summary, latency)
  local errors = summary.errors
  print(string.format('RESULT %d %d %d %d %d %d', summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
`;
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

/** The same after a second that does not count. */
export async function loadWarm(load: Load): Promise<LoadResult> {
  if (load.seconds > 1) await loadWithWrk({ ...load, seconds: 1 });
  return loadWithWrk(load);
}

/** The same, and what one request takes of the server's CPU: microseconds. */
export async function loadAndCharge(
  { url, pid }: Running,
  load: Omit<Load, 'url'>,
): Promise<{ readonly rate: number; readonly cpu: number }> {
  if (load.seconds > 1) await loadWithWrk({ url, ...load, seconds: 1 });
  const before = cpuSeconds(pid);
  const { rate } = await loadWithWrk({ url, ...load });
  return { rate, cpu: ((cpuSeconds(pid) - before) / (rate * load.seconds)) * 1e6 };
}
