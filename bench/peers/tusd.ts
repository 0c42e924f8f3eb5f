import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../scripts/lib/servers/free-port.ts';
import { findGo } from '../../scripts/lib/servers/go.ts';
import { cacheFolder, runCommand } from '../harness/cache.ts';
import type { Peer, Running } from '../harness/contract.ts';
import { startServer } from '../harness/server-process.ts';

/** The newest v2 that is known of: a proxy of modules may have no list of versions, or an old one. */
const KNOWN_VERSION = 'v2.10.0';
const MODULE = 'github.com/tus/tusd/v2';

/** The reference server of tus, in Go, with its file store or on S3. */
export const tusd: Peer = {
  name: 'tusd',
  async prepare({ install }) {
    const built = versionBuilt();
    if (install && isNewer(KNOWN_VERSION, built ?? '')) build();
    else if (built === null) throw new Error('it is not built yet, and a quick run builds nothing');
    return versionBuilt() ?? '';
  },
};

/** `v2.10.0 built with go1.26.8`; null where there is none. */
function versionBuilt(): string | null {
  return existsSync(programOf()) ? readFileSync(`${programOf()}.version`, 'utf8') : null;
}

/** As a module that needs it: so Go takes the dependencies that it was released with. */
function build(): void {
  const folder = join(cacheFolder('tusd'), 'module');
  mkdirSync(folder, { recursive: true });
  const go = findGo(cacheFolder('go'));
  const env = { ...process.env, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' };
  writeFileSync(join(folder, 'go.mod'), 'module bench\n\ngo 1.21\n');
  const run = (...args: string[]) => runCommand(go, args, { cwd: folder, env });
  const version = newerOf(KNOWN_VERSION, () => run('list', '-m', '-f', '{{.Version}}', `${MODULE}@latest`));
  run('get', `${MODULE}@${version}`);
  run('build', '-trimpath', '-ldflags=-s -w', '-o', programOf(), `${MODULE}/cmd/tusd`);
  const built = run('version').split(' ')[2];
  writeFileSync(`${programOf()}.version`, `${version} built with ${built}`);
}

function newerOf(known: string, ask: () => string): string {
  try {
    const found = ask();
    return isNewer(found, known) ? found : known;
  } catch {
    return known;
  }
}

function isNewer(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) > 0;
}

/** Where it takes new uploads. */
export const TUSD_PATH = '/files/';

export async function startTusd(storage: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const port = await freePort();
  const quiet = ['-verbose=false', '-show-greeting=false', '-disable-cors'];
  const listening = ['-host', '127.0.0.1', '-port', String(port), '-base-path', TUSD_PATH];
  return startServer([programOf(), ...listening, ...quiet, ...storage], { port, env });
}

function programOf(): string {
  return join(cacheFolder('tusd'), 'tusd');
}
