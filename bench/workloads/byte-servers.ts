import { spawnSync } from 'node:child_process';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bench, OURS, type Running, type Sample } from '../harness/contract.ts';
import { cpuSeconds } from '../harness/process-usage.ts';
import type { Upload, Way } from '../load/uploads.ts';
import { type ByteStep, startByteStep } from '../peers/bytes.ts';
import { startNginx } from '../peers/nginx.ts';
import { startSluice } from '../peers/sluice.ts';
import { startTusNode, TUS_NODE_PATH } from '../peers/tus-node.ts';
import { startTusd, TUSD_PATH } from '../peers/tusd.ts';

/** A server that takes bytes to the disk, and where. */
export interface ByteServer {
  readonly running: Running;
  readonly folder: string;
  readonly path: string;
  readonly way: Way;
  /** Its files are forced to the disk by us once it has answered, in time that counts: it does not do it itself. */
  readonly isForced: boolean;
}

const WARM = Buffer.alloc(1 << 20, 'sluice');

/** tusd and, behind its answer, what it would have to wait for to promise what ours promises. */
export const TUSD_FORCED = 'tusd, then forced';

/** Ours as it ships, by tus and by PUT; and without forcing files to the disk, as the peers do not either. */
type Name =
  | typeof OURS
  | 'sluice PUT'
  | 'sluice, not forced'
  | 'tusd'
  | typeof TUSD_FORCED
  | '@tus/server'
  | 'nginx'
  | ByteStep;

/** Start ours and these, each with a folder of its own on the same disk. */
export async function startByteServers(
  bench: Bench,
  names: readonly Name[],
  env: Record<string, string> = {},
): Promise<{ running: Map<string, Running>; serverOf: (name: string) => ByteServer }> {
  const folder = await bench.folder();
  const folders = new Map(names.map((name) => [name, join(folder, name.replaceAll(/\W/g, '-'))]));
  for (const one of folders.values()) await mkdir(one);
  const of = (name: Name) => folders.get(name) ?? folder;
  const starts: Record<Name, () => Promise<Running>> = {
    [OURS]: () => startSluice({ folder: of(OURS), env }),
    'sluice PUT': () => startSluice({ folder: of('sluice PUT'), env }),
    'sluice, not forced': () =>
      startSluice({ folder: of('sluice, not forced'), env: { ...env, UPLOAD_FSYNC: 'never' } }),
    tusd: () => startTusd(['-upload-dir', of('tusd')]),
    [TUSD_FORCED]: () => startTusd(['-upload-dir', of(TUSD_FORCED)]),
    '@tus/server': () => startTusNode(of('@tus/server')),
    nginx: () => startNginx(of('nginx')),
    'node:http': () => startByteStep('node:http', of('node:http')),
    'node:http + file': () => startByteStep('node:http + file', of('node:http + file')),
    'node:http + file + SHA-256': () =>
      startByteStep('node:http + file + SHA-256', of('node:http + file + SHA-256')),
  };
  const running = await bench.start(Object.fromEntries(names.map((name) => [name, starts[name]])));
  return {
    running,
    serverOf(name) {
      const one = running.get(name);
      if (!one) throw new Error(`${name} does not run`);
      const way = name === 'nginx' || name === 'sluice PUT' ? 'put' : 'tus';
      const root = way === 'tus' ? '/' : '';
      const paths: Readonly<Record<string, string>> = {
        tusd: TUSD_PATH,
        [TUSD_FORCED]: TUSD_PATH,
        '@tus/server': TUS_NODE_PATH,
      };
      const path = paths[name] ?? root;
      const isForced = name === TUSD_FORCED;
      return { running: one, folder: folders.get(name as Name) ?? folder, path, way, isForced };
    },
  };
}

export interface Sending {
  readonly size: number;
  /** Bytes of one PATCH; default: all. */
  readonly chunk?: number;
  /** Sends it all; gives the seconds that count. */
  readonly send: (upload: Upload) => Promise<number>;
  /** How many files `send` sends. */
  readonly count: number;
}

/** Send, and give megabytes per second and CPU seconds per GiB; what was stored is deleted. */
export async function measureSending(server: ByteServer, sending: Sending): Promise<Sample> {
  const { running, folder, path, way, isForced } = server;
  const { size, chunk, send, count } = sending;
  settleDisk(folder);
  warmMemory(folder, size * count);
  const before = cpuSeconds(running.pid);
  const sent = await send({ running, way, size, path, ...(chunk === undefined ? {} : { chunk }) });
  const seconds = sent + (isForced ? await forceFiles(folder) : 0);
  const cpu = cpuSeconds(running.pid) - before;
  await deleteFiles(folder);
  return { rate: (size * count) / 1e6 / seconds, cpu: cpu / ((size * count) / 2 ** 30) };
}

/** What others wrote before must not be written while this one is measured. */
export function settleDisk(folder: string): void {
  spawnSync('sync', ['--file-system', folder]);
}

/**
 * The first write to memory that a virtual machine has not been lent yet is slow, and what a peer frees in small pieces
 * is of no use to the next one that asks for large ones. So each begins with as much as it will fill, just freed.
 */
function warmMemory(folder: string, bytes: number): void {
  const path = join(folder, 'warm');
  const file = openSync(path, 'w');
  for (let at = 0; at < bytes; at += WARM.length) writeSync(file, WARM);
  closeSync(file);
  unlinkSync(path);
}

/** Gives the seconds that it took. */
async function forceFiles(folder: string): Promise<number> {
  const began = performance.now();
  for (const path of await uploadsIn(folder)) {
    const file = await open(path);
    await file.datasync();
    await file.close();
  }
  return (performance.now() - began) / 1000;
}

async function deleteFiles(folder: string): Promise<void> {
  for (const path of await uploadsIn(folder)) await rm(path, { force: true });
}

async function uploadsIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const isUpload = /^[0-9a-f-]{32,36}(\.\w+)?$/;
  return entries
    .filter((entry) => entry.isFile() && isUpload.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}
