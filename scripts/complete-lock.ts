/**
 * Some registries mirror only the packages of some platforms. npm install then leaves the others out of
 * package-lock.json, and npm ci refuses the file everywhere. This puts them back by the names and versions that
 * their owners ask for; without a checksum, since the package was not there to compute one.
 *
 *   node scripts/complete-lock.ts            after npm install
 *   node scripts/complete-lock.ts --check    fails where something is missing
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
  readonly license?: string;
  readonly engines?: object;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const FILE = fileURLToPath(new URL('../package-lock.json', import.meta.url));

/** `…-linux-arm64-musl`, `…-win32-x64-msvc`: system, processor, and the C library where one is named. */
const PLATFORM =
  /-(android|darwin|freebsd|linux|openharmony|win32)-(arm64|arm|ia32|ppc64|riscv64|s390x|x64)(?:-(\w+))?$/;
const EXACT_VERSION = /^\d+\.\d+\.\d+$/;

const lock = JSON.parse(readFileSync(FILE, 'utf8')) as { packages: Record<string, LockedPackage> };
const missing = Object.entries(lock.packages).flatMap(([path, owner]) => missingOf(path, owner));

if (process.argv.includes('--check')) {
  if (missing.length > 0) {
    const names = missing.map(([path]) => path).join(', ');
    console.error(`package-lock.json lacks ${names}. Run "node scripts/complete-lock.ts".`);
    process.exitCode = 1;
  }
} else if (missing.length > 0) {
  const packages = Object.entries({ ...lock.packages, ...Object.fromEntries(missing) });
  packages.sort(([a], [b]) => a.localeCompare(b, 'en'));
  const completed = { ...lock, packages: Object.fromEntries(packages) };
  writeFileSync(FILE, `${JSON.stringify(completed, null, 2)}\n`);
  console.log(`Added ${missing.length} packages of other platforms to package-lock.json.`);
}

function missingOf(path: string, owner: LockedPackage): [string, object][] {
  return Object.entries(owner.optionalDependencies ?? {}).flatMap(([name, version]) => {
    const platform = PLATFORM.exec(name);
    if (!platform || !EXACT_VERSION.test(version) || isLocked(path, name)) return [];
    return [[`node_modules/${name}`, entryOf(owner, version, platform)]];
  });
}

/** Whether the package is locked where Node would look for it from `path`. */
function isLocked(path: string, name: string): boolean {
  for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (lock.packages[`${folder ? `${folder}/` : ''}node_modules/${name}`]) return true;
    if (folder === '') return false;
  }
}

function entryOf(owner: LockedPackage, version: string, platform: RegExpExecArray): object {
  const [, os, cpu, abi = ''] = platform;
  return {
    version,
    cpu: [cpu],
    ...(owner.dev ? { dev: true } : {}),
    ...(os === 'linux' ? { libc: [abi.startsWith('musl') ? 'musl' : 'glibc'] } : {}),
    ...(owner.license ? { license: owner.license } : {}),
    optional: true,
    os: [os],
    ...(owner.engines ? { engines: owner.engines } : {}),
  };
}
