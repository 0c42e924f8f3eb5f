import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

/** What a process has used, as Linux tells it in /proc; NaN where there is none. */
const TICKS_PER_SECOND = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout) || 100;

/** CPU seconds of all its threads, in user and kernel mode. */
export function cpuSeconds(pid: number): number {
  const stat = readOrNull(`/proc/${pid}/stat`);
  if (stat === null) return Number.NaN;
  // The name in parentheses may hold anything; utime and stime are fields 14 and 15, proc(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** The most memory it had at once since it began, or since `forgetPeak`, in MB (10^6 bytes). */
export function peakMegabytes(pid: number): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readOrNull(`/proc/${pid}/status`) ?? '')?.[1];
  return (Number(kilobytes) * 1024) / 1e6;
}

/** Let the peak begin anew from what it has now. */
export function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // Not ours, or not Linux: then the peak is that since the start.
  }
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
