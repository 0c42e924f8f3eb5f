import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Compile } from 'typebox/schema';
import { parse } from 'yaml';
import { SERVICE_FLAGS } from '../../scripts/lib/service-flags.mjs';
import { startServiceProcess } from '../../scripts/lib/service-process.ts';
import { ConfigVariables } from '../../src/config/variables.ts';
import { loadConfig } from '../../src/config.ts';

const folder = new URL('../../deploy/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const { version } = JSON.parse(read('../package.json'));
const chart = parse(read('helm/sluice/Chart.yaml'));
const values = parse(read('helm/sluice/values.yaml'));
const templates = globSync('helm/sluice/templates/*', { cwd: folder }).map((name) => ({
  name,
  text: read(name),
}));

function isKnownVariable(name: string): boolean {
  return name in ConfigVariables.properties;
}

test('the chart is of this version, and its values are those that its templates ask for', () => {
  assert.equal(chart.version, version);
  assert.equal(chart.appVersion, version);
  for (const { name, text } of templates) {
    for (const [, path = ''] of text.matchAll(/\.Values\.([\w.]+)/g)) {
      let at: unknown = values;
      for (const key of path.split('.')) {
        assert.ok(typeof at === 'object' && at !== null && key in at, `${name}: .Values.${path}`);
        at = Reflect.get(at, key);
      }
    }
  }
});

test('the chart takes no secret among its values, and none but variables that exist', () => {
  const schema = Compile(JSON.parse(read('helm/sluice/values.schema.json')));
  const takes = (value: unknown): boolean => schema.Check(value);
  const given = { ...values, existingSecret: 'sluice' };
  assert.ok(takes(given));
  assert.ok(!takes(values), 'a secret has to be named');
  for (const secret of ['SECRET_KEY', 'DATABASE_URL', 'WEBHOOK_SECRET']) {
    assert.ok(!takes({ ...given, config: { ...values.config, [secret]: 'x' } }), secret);
  }
  for (const name of Object.keys(values.config)) assert.ok(isKnownVariable(name), name);
});

test('pods run without rights, are restarted when dead and balanced on when ready, and end in time', () => {
  const deployment = templates.find(({ name }) => name.endsWith('deployment.yaml'))?.text ?? '';
  for (const line of [
    'runAsNonRoot: true',
    'readOnlyRootFilesystem: true',
    'allowPrivilegeEscalation: false',
    'drop: [ALL]',
    'automountServiceAccountToken: false',
    'type: RuntimeDefault',
    'terminationGracePeriodSeconds: 30',
  ]) {
    assert.ok(deployment.includes(line), line);
  }
  assert.match(deployment, /livenessProbe:\s+httpGet: \{ path: \/livez,/);
  assert.match(deployment, /readinessProbe:\s+httpGet: \{ path: \/readyz,/);
});

test('no way in from outside buffers bodies or leads to the metrics', () => {
  const { annotations } = values.ingress;
  assert.equal(annotations['nginx.ingress.kubernetes.io/proxy-request-buffering'], 'off');
  assert.equal(annotations['nginx.ingress.kubernetes.io/proxy-body-size'], '0');
  const ingress = templates.find(({ name }) => name.endsWith('ingress.yaml'))?.text ?? '';
  assert.doesNotMatch(ingress, /list[^}]*"\/(metrics)?"/);
  for (const [proxy, closed] of [
    ['nginx.conf', /location = \/metrics \{\s+return 404/],
    ['Caddyfile', /respond \/metrics 404/],
  ] as const) {
    assert.match(read(proxy), closed);
    assert.doesNotMatch(read(proxy), /request_buffers|proxy_request_buffering on/);
  }
});

test('the systemd unit runs the service as npm run serve does, and its environment is enough for production', () => {
  const unit = read('systemd/sluice.service');
  const { scripts } = JSON.parse(read('../package.json'));
  const command = /^ExecStart=\S+\/node (.*)$/m.exec(unit)?.[1] ?? '';
  assert.equal(`node ${command}`, scripts.serve);
  for (const flag of SERVICE_FLAGS) assert.ok(command.includes(flag), flag);
  // Exit code of a configuration with faults: a restart would not mend them.
  assert.match(unit, /^RestartPreventExitStatus=78$/m);

  const pairs = [...read('systemd/sluice.env').matchAll(/^([A-Z0-9_]+)=(.*)$/gm)];
  const env: Record<string, string> = Object.fromEntries(
    pairs.map(([, name = '', value = '']) => [name, value]),
  );
  for (const name of Object.keys(env)) assert.ok(isKnownVariable(name), name);
  const filled = {
    ...env,
    SECRET_KEY: 'ab'.repeat(24),
    DATABASE_URL: 'postgres://sluice:secret@db.example.org/sluice',
    REDIS_URL: 'redis://redis.example.org',
  };
  const result = loadConfig({ ...filled, USE_LOCAL_STORAGE: 'true' }, 'production');
  assert.ok(result.ok, JSON.stringify(result));
  assert.ok(!loadConfig({ ...env }, 'production').ok, 'what is empty has to be filled in');
});

test('the image runs without rights, and says itself whether it is alive', async (t) => {
  const image = read('Dockerfile');
  assert.match(image, /^USER [1-9]\d*:[1-9]\d*$/m);
  const [node, ...args]: string[] = JSON.parse(/^HEALTHCHECK .*CMD (\[.*\])$/m.exec(image)?.[1] ?? '[]');
  assert.equal(node, 'node');
  const service = await startServiceProcess();
  t.after(() => service.stop());
  const check = (PORT: string) =>
    spawnSync(process.execPath, args, { env: { PORT }, timeout: 30_000 }).status;
  assert.equal(check(new URL(service.url).port), 0);
  await service.kill('SIGKILL');
  assert.equal(check(new URL(service.url).port), 1);
});
