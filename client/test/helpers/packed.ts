import { execFileSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdir, mkdtemp, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLIENT = fileURLToPath(new URL('../..', import.meta.url));
const MODULES = join(CLIENT, '../node_modules');

/** Others that a stranger would install beside it, taken from here. */
const NEIGHBOURS = ['tus-js-client', 'react', 'react-dom', 'scheduler', '@types', '@uppy', 'csstype'];

/** A new folder with the package in its node_modules as `npm pack` makes it and npm would lay it out. */
export async function folderWithPackage(): Promise<string> {
  execFileSync(process.execPath, [join(CLIENT, 'scripts/build.mjs')]);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-package-'));
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], {
    cwd: CLIENT,
    stdio: 'pipe',
  });
  await mkdir(join(folder, 'node_modules/@sluice'), { recursive: true });
  const [tarball = ''] = globSync('*.tgz', { cwd: folder });
  execFileSync('tar', ['-xzf', join(folder, tarball), '-C', folder]);
  execFileSync('mv', [join(folder, 'package'), join(folder, 'node_modules/@sluice/client')]);
  for (const name of NEIGHBOURS) await symlink(join(MODULES, name), join(folder, 'node_modules', name));
  return folder;
}
