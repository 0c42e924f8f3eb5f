import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import packageJson from '../../package.json' with { type: 'json' };

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Licences under which we may ship what we use: all of them permissive, none of them copyleft. */
const WELCOME: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Python-2.0',
  'Unlicense',
]);

export interface Component {
  readonly name: string;
  readonly version: string;
  /** SPDX identifiers, or expressions of them. */
  readonly licences: readonly string[];
}

/** As npm writes them, with much more in it. */
interface Described {
  readonly name: string;
  readonly group?: string;
  readonly version: string;
  readonly licenses?: readonly {
    readonly license?: { readonly id?: string; readonly name?: string };
    readonly expression?: string;
  }[];
  readonly externalReferences?: readonly { readonly type: string }[];
}
interface Bom {
  readonly metadata: { readonly component: Described };
  readonly components: readonly Described[];
}

export interface Sbom {
  /** The CycloneDX document. */
  readonly document: object;
  readonly components: readonly Component[];
  /** Those whose licence is not on the list. */
  readonly unwelcome: readonly Component[];
}

/** Throws where npm cannot tell, because what is installed is not what package-lock.json says. */
export function createSbom(): Sbom {
  const npm = spawnSync('npm', ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--omit=dev'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    shell: process.platform === 'win32',
  });
  if (npm.status !== 0) throw new Error(`npm sbom ended with ${npm.status}:\n${npm.stderr}`);
  const bom = JSON.parse(npm.stdout) as Bom;
  const components = bom.components.map(describe);
  return {
    document: {
      ...bom,
      // npm names the project after the folder it happens to lie in.
      metadata: { ...bom.metadata, component: { ...bom.metadata.component, name: packageJson.name } },
      components: bom.components.map(withoutMirror),
    },
    components,
    unwelcome: components.filter(({ licences }) => !isWelcome(licences)),
  };
}

function describe({ name, version, licenses = [] }: Described): Component {
  const licences = licenses.map(
    ({ license, expression }) => expression ?? license?.id ?? license?.name ?? '',
  );
  return { name, version, licences };
}

/** Where this machine got a package from is of no interest to others; its `purl` says where it comes from. */
function withoutMirror(component: Described): Described {
  const { externalReferences: references = [], ...rest } = component;
  return { ...rest, externalReferences: references.filter(({ type }) => type !== 'distribution') };
}

/** Of alternatives ("MIT OR GPL-2.0") one must be welcome, of joint ones ("MIT AND ISC") all. */
export function isWelcome(licences: readonly string[]): boolean {
  return licences.length > 0 && licences.every(isWelcomeExpression);
}

function isWelcomeExpression(expression: string): boolean {
  const plain = expression.replace(/^\((.*)\)$/, '$1');
  if (/[()]/.test(plain)) return false;
  if (plain.includes(' OR ')) return plain.split(' OR ').some(isWelcomeExpression);
  return plain.split(' AND ').every((one) => WELCOME.has(one.trim()));
}
