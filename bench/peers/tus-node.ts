import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../scripts/lib/servers/free-port.ts';
import { cacheFolder, runCommand } from '../harness/cache.ts';
import type { Peer, Running } from '../harness/contract.ts';
import { startServer } from '../harness/server-process.ts';

const PROGRAM = fileURLToPath(new URL('tus-node-server.mjs', import.meta.url));
const PACKAGES = ['@tus/server', '@tus/file-store'];

/** The tus server for Node, with its file store, on the same Node as ours. */
export const tusNode: Peer = {
  name: '@tus/server',
  async prepare({ install }) {
    const folder = cacheFolder('tus-node');
    if (!existsSync(packageFile('@tus/file-store'))) {
      if (!install) throw new Error('it is not installed yet, and a quick run installs nothing');
      writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
      const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
      runCommand('npm', [...args, ...PACKAGES.map((name) => `${name}@latest`)], { cwd: folder });
    }
    const versions = PACKAGES.map((name) => JSON.parse(readFileSync(packageFile(name), 'utf8')).version);
    return `${versions[0]} with @tus/file-store ${versions[1]}`;
  },
};

export const TUS_NODE_PATH = '/files';

export async function startTusNode(folder: string): Promise<Running> {
  const port = await freePort();
  const modules = join(cacheFolder('tus-node'), 'node_modules');
  return startServer([process.execPath, PROGRAM, modules, String(port), folder, TUS_NODE_PATH], { port });
}

function packageFile(name: string): string {
  return join(cacheFolder('tus-node'), 'node_modules', name, 'package.json');
}
