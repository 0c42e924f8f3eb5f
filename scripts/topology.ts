/**
 * npm run topology: two instances of the service with everything that production has, as processes of this
 * machine: Redis with a replica and Sentinels, PostgreSQL and an S3 server, on free loopback ports, with their data
 * in temporary folders; and Prometheus with the rules of deploy/prometheus. Ctrl-C ends it all and leaves nothing.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RunningPrometheus, startPrometheus } from './lib/servers/prometheus.ts';
import { exportLine, startTopology, type Topology } from './lib/topology.ts';

process.stdout.write(
  'Starting Redis with a replica and Sentinels, PostgreSQL, an S3 server and two instances …\n',
);
const logFolder = mkdtempSync(join(tmpdir(), 'sluice-topology-'));
const removeLogs = () => rmSync(logFolder, { recursive: true, force: true });
const topology = await startTopology({ ownUrls: true, logFolder }).catch((error: unknown) => {
  removeLogs();
  throw error;
});
const prometheus = await startPrometheus(topology.services.map(({ url }) => new URL(url).host)).catch(
  (error: Error) => {
    // The rest is worth trying without it.
    process.stderr.write(`${error.message}\n`);
    return null;
  },
);
process.stdout.write(described(topology, prometheus));

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    Promise.all([topology.stop(), prometheus?.stop()]).finally(() => {
      removeLogs();
      process.exit();
    });
  });
}
// The servers' outputs alone would not keep this process.
setInterval(() => {}, 60_000);

function described(topology: Topology, prometheus: RunningPrometheus | null): string {
  const { services, redis, postgres, s3Endpoint, env } = topology;
  const [first] = services;
  const user = randomUUID();
  const token = first?.token({ user, permissions: ['upload_files', 'create_sessions', 'manage_quota'] });
  return `
Service     ${services.map(({ url }) => url).join('  ')}
Logs        ${join(logFolder, 'instance-*.log')}, until it is stopped
Redis       master 127.0.0.1:${redis.master.port}, replica 127.0.0.1:${redis.replica.port}, Sentinels ${redis.addresses}
PostgreSQL  ${postgres.url}
S3          ${s3Endpoint}, bucket ${env.S3_BUCKET_NAME}
Prometheus  ${prometheus ? `${prometheus.url}  (/alerts has the rules of deploy/prometheus)` : 'not here: see above'}
${prometheus ? grafana(prometheus) : ''}
A token of the user ${user}, good at both:
${token}

In another shell, for "npm run sluice -- doctor --production" and all other commands:
${exportLine(env)}

Try a failover:  kill -9 ${redis.master.pid}     (the master of Redis; its replica takes over within seconds)
Or an outage:    P=${postgres.pid}; kill -STOP $P $(pgrep -P $P)     (PostgreSQL hangs; the same with -CONT ends it)
Stop it all:     Ctrl-C
`;
}

/** Grafana comes from no registry of packages, so it is not started here. */
function grafana({ url }: RunningPrometheus): string {
  const deployed = fileURLToPath(new URL('../deploy/grafana', import.meta.url));
  return `
The dashboards, where Grafana is installed:
GF_PATHS_PROVISIONING=${deployed}/provisioning DASHBOARDS=${deployed}/dashboards PROMETHEUS_URL=${url} \\
  grafana server --homepath /usr/share/grafana
`;
}
