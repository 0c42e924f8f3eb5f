/**
 * npm run topology: two instances of the service with everything that production has, as processes of this
 * machine: Redis with a replica and Sentinels, PostgreSQL and an S3 server, on free loopback ports, with their data
 * in temporary folders. Ctrl-C ends it all and leaves nothing.
 */
import { randomUUID } from 'node:crypto';
import { startTopology, type Topology } from './lib/topology.ts';

process.stdout.write(
  'Starting Redis with a replica and Sentinels, PostgreSQL, an S3 server and two instances …\n',
);
const topology = await startTopology();
process.stdout.write(described(topology));

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    topology.stop().finally(() => process.exit());
  });
}
// The servers' outputs alone would not keep this process.
setInterval(() => {}, 60_000);

function described({ services, redis, postgres, s3Endpoint, env }: Topology): string {
  const [first] = services;
  const user = randomUUID();
  const token = first?.token({ user, permissions: ['upload_files', 'create_sessions', 'manage_quota'] });
  return `
Service     ${services.map(({ url }) => url).join('  ')}
Redis       master 127.0.0.1:${redis.master.port}, replica 127.0.0.1:${redis.replica.port}, Sentinels ${redis.addresses}
PostgreSQL  ${postgres.url}
S3          ${s3Endpoint}, bucket ${env.S3_BUCKET_NAME}

A token of the user ${user}, good at both:
${token}

Try a failover:  kill -9 ${redis.master.pid}     (the master of Redis; its replica takes over within seconds)
Stop it all:     Ctrl-C
`;
}
