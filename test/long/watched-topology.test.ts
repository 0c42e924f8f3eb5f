import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { startPrometheus } from '../../scripts/lib/servers/prometheus.ts';
import { startTopology } from '../../scripts/lib/topology.ts';
import { until } from '../e2e/until.ts';
import { initiateBody, P } from '../helpers/app.ts';

test('Prometheus reads every instance of the topology, takes every rule, and sees what users do', async (t) => {
  const topology = await startTopology();
  t.after(() => topology.stop());
  const prometheus = await startPrometheus(
    topology.services.map(({ url }) => new URL(url).host),
    '1s',
  );
  t.after(() => prometheus.stop());
  const ask = async (path: string) => {
    const response = await fetch(`${prometheus.url}/api/v1/${path}`);
    // biome-ignore lint/suspicious/noExplicitAny: an answer of Prometheus.
    const { data } = (await response.json()) as { data: any };
    return data;
  };
  const value = async (query: string) => {
    const { result } = await ask(`query?query=${encodeURIComponent(query)}`);
    return Number(result[0]?.value[1]);
  };

  await until('both instances are read', async () => (await value('sum(up{job="sluice"})')) === 2, 60_000);
  for (const service of topology.services) {
    const token = service.token({ user: randomUUID() });
    const response = await fetch(`${service.url}${P}/initiate`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(initiateBody()),
    });
    assert.equal(response.status, 201);
    await response.arrayBuffer();
  }
  const accepted = 'sum(upload_initiate_total{outcome="accepted"})';
  await until('admissions of both are summed up', async () => (await value(accepted)) === 2, 60_000);

  const { groups } = await ask('rules');
  const rules: { name: string; health: string; state?: string }[] = groups.flatMap(
    (group: { rules: unknown[] }) => group.rules,
  );
  assert.ok(rules.length > 40);
  await until(
    'every rule is evaluated without an error',
    async () => {
      const { groups: now } = await ask('rules');
      return now.every((group: { rules: { health: string }[] }) =>
        group.rules.every(({ health }) => health === 'ok'),
      );
    },
    60_000,
  );

  for (const query of dashboardQueries()) {
    const asked = query.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m');
    const response = await fetch(`${prometheus.url}/api/v1/query?query=${encodeURIComponent(asked)}`);
    assert.equal(response.status, 200, `${asked}: ${await response.text()}`);
  }
});

function dashboardQueries(): string[] {
  const root = new URL('../../', import.meta.url);
  return globSync('deploy/grafana/dashboards/*.json', { cwd: root }).flatMap((name) => {
    const { panels } = JSON.parse(readFileSync(new URL(name, root), 'utf8'));
    return panels.flatMap(({ targets = [] }: { targets?: { expr: string }[] }) =>
      targets.map(({ expr }) => expr),
    );
  });
}
