import { readFile, stat, statfs } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import type { Config } from '../../config.ts';
import { ifPresent } from '../../stores/disk/faults.ts';
import { advise, bad, type Finding, reasonOf, well } from './finding.ts';

/** What the machine has for the service: room, folders, files, a port. */
export async function examineMachine(config: Config): Promise<Finding[]> {
  const findings = await Promise.all([
    examineFolders(config),
    examineDataDir(config),
    examineOpenFiles(),
    examinePort(config),
  ]);
  return findings.flat();
}

/** Bytes below which a disk is as good as full. */
const LITTLE_SPACE = 1024 ** 3;
/** Uploads of the largest size that should find room. */
const LARGE_UPLOADS = 20;

async function examineFolders({ storage, limits }: Config): Promise<Finding[]> {
  if (storage.backend !== 'disk') return [];
  try {
    const [uploads, partials] = await Promise.all([
      nearestThere(storage.uploadFolder),
      nearestThere(storage.tempFolder),
    ]);
    const disk = await statfs(uploads.path);
    const free = disk.bavail * disk.bsize;
    const room = `${inGb(free)} GB free in ${uploads.path}`;
    return [
      free < LITTLE_SPACE
        ? bad('free space', room, 'make room, or set LOCAL_UPLOAD_FOLDER to another disk')
        : free < LARGE_UPLOADS * limits.maxFileSize
          ? advise(
              'free space',
              `${room}: fewer than ${LARGE_UPLOADS} uploads of ${inGb(limits.maxFileSize)} GB`,
              'make room before it is needed, or set LOCAL_UPLOAD_FOLDER to a larger disk',
            )
          : well('free space', room),
      uploads.dev === partials.dev
        ? well('file system', 'partial and finished files share one')
        : bad(
            'file system',
            'partial and finished files are on two',
            'set LOCAL_TEMP_FOLDER to a folder beside LOCAL_UPLOAD_FOLDER: files are then renamed, not copied',
          ),
    ];
  } catch (error) {
    return [bad('folders', reasonOf(error), 'let this user make and write to them')];
  }
}

/** The folder, or the one above it in which the service will make it. Doctor makes none itself: a disk may not be mounted. */
async function nearestThere(folder: string): Promise<{ readonly path: string; readonly dev: number }> {
  for (let path = folder; ; path = dirname(path)) {
    const found = await ifPresent(stat(path));
    if (found) return { path, dev: found.dev };
  }
}

function inGb(bytes: number): string {
  return (bytes / 1024 ** 3).toFixed(1);
}

/** The folder has databases, and the secret key that was made for the embedded profile. */
async function examineDataDir({ dataDir, profile }: Config): Promise<Finding[]> {
  if (profile !== 'embedded') return [];
  const folder = await stat(dataDir).catch(() => null);
  if (folder === null || (folder.mode & 0o077) === 0) return [];
  return [
    advise('data folder', `other users of this machine can look into ${dataDir}`, `chmod 700 ${dataDir}`),
  ];
}

/** Each upload takes a connection and a file. */
const FEW_FILES = 4096;

async function examineOpenFiles(): Promise<Finding[]> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const most = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  if (most === undefined || Number(most) >= FEW_FILES) return [];
  return [
    advise(
      'open files',
      `a process started here may open ${most} files and connections`,
      'set LimitNOFILE=65536 in the unit of the service, or "ulimit -n 65536" before it is started',
    ),
  ];
}

async function examinePort({ host, port }: Config): Promise<Finding[]> {
  const taken = await new Promise<boolean>((resolve) => {
    const socket = connect({ host: host === '0.0.0.0' ? '127.0.0.1' : host, port, timeout: 1000 });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
  // Taken is well where it is Sluice itself that runs there.
  return [
    well(
      'port',
      taken ? `something listens on ${host}:${port}, perhaps Sluice itself` : `${host}:${port} is free`,
    ),
  ];
}
