import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from 'node:os';

/** What the figures were measured on. It names nobody's machine. */
export function describeMachine(): Record<string, string> {
  return {
    CPU: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: `${process.platform} ${release().replace(/^(\d+\.\d+\.\d+).*/, '$1')}`,
    'file system': fileSystemOf(tmpdir()),
    'load before': loadavg()[0]?.toFixed(1) ?? '',
  };
}

/** Versions of everything that is not a peer. */
export function describeVersions(): Record<string, string> {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const redis = /v=([\d.]+)/.exec(said('redis-server', ['--version']))?.[1];
  const wrk = /wrk (\S+)/.exec(said('wrk', ['--version']))?.[1];
  return {
    sluice: `${version} on Node ${process.versions.node}`,
    Redis: redis ?? 'unknown',
    wrk: wrk ?? 'unknown',
  };
}

function fileSystemOf(folder: string): string {
  return said('stat', ['--file-system', '--format=%T', folder]).trim() || 'unknown';
}

function said(program: string, args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return `${stdout ?? ''}${stderr ?? ''}`;
}
