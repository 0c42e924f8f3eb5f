import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { until } from '../e2e/until.ts';
import { videoOf } from '../e2e/videos.ts';
import { initiateBody, P, startApp } from '../helpers/app.ts';
import { createTestDatabase } from '../helpers/postgres.ts';

const root = new URL('../../', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, root), 'utf8');

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
interface Dashboard {
  readonly uid: string;
  readonly panels: readonly {
    readonly title: string;
    readonly targets?: readonly { readonly expr: string }[];
  }[];
}

const rulesOf = (name: string): Rule[] =>
  parse(read(`deploy/prometheus/${name}`)).groups.flatMap(({ rules }: { rules: Rule[] }) => rules);
const recorded = rulesOf('recording.yml');
const alerts = rulesOf('alerts.yml');
const dashboards: Dashboard[] = globSync('deploy/grafana/dashboards/*.json', { cwd: root }).map((name) =>
  JSON.parse(read(name)),
);

/** Not of the service: of Prometheus itself, and of the node exporter where there is one. */
const FROM_ELSEWHERE = /^(up|node_filesystem_\w+)$/;
const WORDS = /^(by|on|or|and|le|sum|max|rate|absent|vector|increase|histogram_quantile|predict_linear)$/;

/** Names of metrics in a query: what is neither a word of the language nor in braces, brackets or `by (…)`. */
function metricsOf(query: string): string[] {
  const bare = query.replace(/\{[^}]*\}|\[[^\]]*\]|\b(?:by|on) ?\([^)]*\)/g, ' ');
  return [...bare.matchAll(/[a-z_][\w:]*/g)].map(([name]) => name).filter((name) => !WORDS.test(name));
}

function queries(): { readonly from: string; readonly query: string }[] {
  const rules = [...recorded, ...alerts].map(({ record, alert, expr }) => ({
    from: record ?? alert ?? '',
    query: expr,
  }));
  const panels = dashboards.flatMap(({ uid, panels: all }) =>
    all.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => ({ from: `${uid}: ${title}`, query: expr })),
    ),
  );
  return [...rules, ...panels];
}

test('every metric, label and route that dashboards and alerts ask for is told by the service', async (t) => {
  const app = await startApp(t, { store: 'redis' });
  const { status } = await app.call(`${P}/initiate`, { json: initiateBody() });
  assert.equal(status, 201);
  const tus = await app.call('/v1/uploads', {
    method: 'POST',
    headers: { 'tus-resumable': '1.0.0', 'upload-length': '1000' },
  });
  assert.equal(tus.status, 201);
  const text = await (await app.fetch('/metrics', { token: null })).text();

  const known = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name));
  const told = (name: string) => known.has(name) || known.has(name.replace(/_(bucket|count|sum)$/, ''));
  const records = new Set(recorded.map(({ record }) => record));
  for (const { from, query } of queries()) {
    for (const name of metricsOf(query)) {
      const isThere = name.includes(':') ? records.has(name) : FROM_ELSEWHERE.test(name) || told(name);
      assert.ok(isThere, `${from} asks for ${name}`);
    }
  }
  for (const route of ['/v1/dashboard/upload/initiate', '/v1/uploads']) {
    assert.match(
      text,
      new RegExp(
        `^http_server_request_duration_seconds_bucket\\{.*le="0.05".*route="${route}".*status_code="201"`,
        'm',
      ),
    );
    assert.ok(recorded[0]?.expr.includes(route));
  }
  assert.match(text, /^webhook_first_attempt_delay_seconds_bucket\{.*le="30"/m);
});

test('an upload that fails since the ledger is away is counted by an alert that wakes', async (t) => {
  const database = await createTestDatabase();
  let dropped: Promise<void> | null = null;
  const drop = () => {
    dropped ??= database.drop();
    return dropped;
  };
  t.after(drop);
  const app = await startApp(t, { store: 'redis', env: { DATABASE_URL: database.url } });
  const file = videoOf(1 << 17, 1);
  const { body } = await app.call(`${P}/initiate`, {
    json: initiateBody({ expected_file_size: file.length }),
  });
  await drop();
  const upload = await app.call(body.upload_url, { method: 'PUT', body: new Uint8Array(file) });
  assert.equal(upload.status, 503);
  assert.equal(upload.body.error_code, 'LEDGER_UNAVAILABLE');

  const [alert] = alerts.filter(({ alert: name }) => name === 'SluiceUploadsFail');
  assert.equal(alert?.labels?.severity, 'page');
  const selectors = [...alert.expr.matchAll(/\{job="sluice",(.*?)\}/g)].map(([, labels = '']) => labels);
  assert.equal(selectors.length, 2, 'what it divides, and what by: both have this request in them');
  const metrics = async () => (await app.fetch('/metrics', { token: null })).text();
  await until('the request is counted', async () => /status_code="503"/.test(await metrics()));
  for (const selector of selectors) {
    const labels = selector.replaceAll(/=~"(.*?)"/g, '="(?:$1)"');
    assert.match(
      await metrics(),
      new RegExp(`^http_server_request_duration_seconds_count\\{(?=.*"503")${labels}.* 1$`, 'm'),
    );
  }
});

test('every alert says what it is about and how urgent, and has its part in the runbook', () => {
  const sections = new Set([...read('docs/runbook.md').matchAll(/^## (\w+)$/gm)].map(([, name]) => name));
  for (const { alert = '', labels, annotations } of alerts) {
    assert.match(labels?.severity ?? '', /^(page|ticket)$/, alert);
    assert.ok(annotations?.summary && annotations.description, alert);
    assert.equal(annotations.runbook, `docs/runbook.md#${alert.toLowerCase()}`);
    assert.ok(sections.delete(alert), `${alert} in docs/runbook.md`);
  }
  assert.deepEqual([...sections], [], 'the runbook tells of no alert that is gone');
});

test('the promises have alerts of several windows, and each window is recorded', () => {
  const records = recorded.map(({ record }) => record);
  assert.equal(new Set(records).size, records.length);
  for (const promise of ['initiate_errors', 'initiate_slow', 'webhook_late']) {
    const mine = alerts.filter(({ expr }) => expr.includes(`sluice:${promise}:`));
    assert.equal(mine.length, 2, promise);
    for (const { expr } of mine) assert.equal(metricsOf(expr).length, 4, 'two pairs of windows');
  }
});

test('the dashboards and their source have the ids by which they find each other, and are where Grafana looks', () => {
  const source = parse(read('deploy/grafana/provisioning/datasources/prometheus.yml')).datasources[0];
  assert.ok(dashboards.length >= 2);
  for (const dashboard of dashboards) {
    assert.ok(JSON.stringify(dashboard).includes(`"uid":"${source.uid}"`));
    assert.ok(dashboard.panels.length > 5, dashboard.uid);
  }
  const { services } = parse(read('deploy/compose.yaml'), { merge: true });
  const { environment, volumes } = services.grafana;
  assert.ok(volumes.includes(`./grafana/dashboards:${environment.DASHBOARDS}:ro`));
  assert.equal(source.url, '$PROMETHEUS_URL');
  assert.ok(environment.PROMETHEUS_URL);
  for (const file of parse(read('deploy/prometheus/prometheus.yml')).rule_files)
    assert.ok(rulesOf(file).length);
});
