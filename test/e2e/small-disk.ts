import { spawnSync } from 'node:child_process';

/**
 * A file system of a few megabytes that only one process and its children see: a tmpfs in a mount namespace
 * of its own, gone with the process. Root may make one; others in a user namespace of their own.
 */
export interface SmallDisk {
  /** The command that runs `command` with the disk mounted at `folder` and `ballastBytes` of it taken. */
  wrap(command: readonly string[]): readonly string[];
  /** A path on the disk as this process reaches it. */
  outside(pid: number, path: string): string;
  /** The file whose removal makes room. */
  readonly ballast: string;
}

export function createSmallDisk(folder: string, size: { bytes: number; ballastBytes: number }): SmallDisk {
  const namespaces = ['-m', '-rm'].find((flags) => {
    return spawnSync('unshare', [flags, 'mount', '-t', 'tmpfs', 'tmpfs', folder]).status === 0;
  });
  if (!namespaces) {
    throw new Error(
      'This machine allows neither mounts nor user namespaces: run the tests as root, or allow "unshare -rm".',
    );
  }
  const ballast = `${folder}/ballast`;
  const mount =
    `mount -t tmpfs -o size=${size.bytes} tmpfs "${folder}" && ` +
    `head -c ${size.ballastBytes} /dev/zero > "${ballast}" && exec "$@"`;
  return {
    wrap: (command) => ['unshare', namespaces, 'sh', '-c', mount, 'sh', ...command],
    outside: (pid, path) => `/proc/${pid}/root${path}`,
    ballast,
  };
}
