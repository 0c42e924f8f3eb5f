import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { signAccessToken } from '../../scripts/lib/access-token.ts';
import { freePort } from '../../scripts/lib/servers/free-port.ts';
import { findProgram } from '../../scripts/lib/servers/program.ts';
import { cacheFolder, runCommand } from '../harness/cache.ts';
import type { Peer, Running } from '../harness/contract.ts';
import { startServer } from '../harness/server-process.ts';

const PACKAGES = ['fastapi', 'pydantic', 'PyJWT', 'redis[hiredis]', 'uvicorn', 'uvloop', 'httptools'];
const APP_FOLDER = dirname(fileURLToPath(import.meta.url));

/** The first system's stack: FastAPI, pydantic 2, PyJWT and redis-py under uvicorn with uvloop and httptools. */
export const fastapi: Peer = {
  name: 'fastapi',
  async prepare({ install }) {
    const python = pythonOf();
    if (!existsSync(join(dirname(python), 'uvicorn'))) {
      if (!install) throw new Error('it is not installed yet, and a quick run installs nothing');
      const python3 = findProgram({ name: 'python3', debianPackage: 'python3-venv' });
      runCommand(python3, ['-m', 'venv', '--clear', dirname(dirname(python))]);
      const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES];
      runCommand(python, args);
    }
    const shown = runCommand(python, ['-c', VERSIONS]);
    return shown.replaceAll('\n', ', ');
  },
};

const VERSIONS = `import sys
from importlib.metadata import version
print("Python", sys.version.split()[0])
for name in ("fastapi", "pydantic", "PyJWT", "redis", "hiredis", "uvicorn", "uvloop", "httptools"): print(name, version(name))`;

const SECRET = 'a secret of the benchmark, long enough for HS256';

export async function startFastapi(redisPort: number): Promise<Running> {
  const port = await freePort();
  const loop = ['--loop', 'uvloop', '--http', 'httptools', '--workers', '1'];
  const quiet = ['--no-access-log', '--log-level', 'warning'];
  const command = [pythonOf(), '-m', 'uvicorn', 'fastapi_app:app', '--app-dir', APP_FOLDER];
  const running = await startServer([...command, '--port', String(port), ...loop, ...quiet], {
    port,
    env: { SECRET_KEY: SECRET, REDIS_PORT: String(redisPort), PYTHONDONTWRITEBYTECODE: '1' },
  });
  return { ...running, token: (options) => signAccessToken(SECRET, options) };
}

function pythonOf(): string {
  return join(cacheFolder('fastapi'), 'venv', 'bin', 'python');
}
