/**
 * What the pinned Node needs of the system and slim systems do not have: without it npm's install already
 * fails, in words that name a file and no remedy. Plain JavaScript, see pinned-node.mjs.
 */
import { spawnSync } from 'node:child_process';
import { delimiter } from 'node:path';

const LIBRARY = 'libatomic.so.1';
const DEBIAN_PACKAGE = 'libatomic1';

/**
 * Sees to it that the library is there: by Debian's package where this process may install it.
 * @returns {string | null} a sentence where it is not
 */
export function provideLibraries() {
  if (process.platform !== 'linux' || !isMissing()) return null;
  if (process.getuid?.() === 0 && run('apt-get', ['--version'], 'ignore') !== null) {
    process.stderr.write(`Installing Debian's ${DEBIAN_PACKAGE}, which the pinned Node needs …\n`);
    run('apt-get', ['update', '-qq']);
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', DEBIAN_PACKAGE]);
    if (!isMissing()) return null;
  }
  return (
    `The pinned Node needs the library ${LIBRARY} of this system: install it ` +
    `(Debian and Ubuntu: "apt-get install ${DEBIAN_PACKAGE}", Fedora: "dnf install libatomic"), then start again.`
  );
}

/** False where nobody knows: systems without glibc have no such list. */
function isMissing() {
  const listed = run('ldconfig', ['-p'], 'pipe');
  return listed !== null && !listed.includes(LIBRARY);
}

/** What it printed; null where it cannot be run or fails. */
function run(program, args, output = process.stderr) {
  // ldconfig is not on the PATH of ordinary users.
  const path = [process.env.PATH ?? '', '/usr/sbin', '/sbin'].join(delimiter);
  const env = { ...process.env, PATH: path, DEBIAN_FRONTEND: 'noninteractive' };
  const result = spawnSync(program, args, { env, stdio: ['ignore', output, output], encoding: 'utf8' });
  return result.status === 0 ? (result.stdout ?? '') : null;
}
