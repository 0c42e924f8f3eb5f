import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { type Certificate, makeCertificate } from '../../scripts/lib/servers/certificate.ts';
import { freePort } from '../../scripts/lib/servers/free-port.ts';
import { type RunningPostgres, startPostgres } from '../../scripts/lib/servers/postgres.ts';
import { type RunningRedis, startRedis } from '../../scripts/lib/servers/redis.ts';
import { run } from '../cli/run-cli.ts';
import { createClient, patchRest } from './client.ts';
import { folderFor, serviceFor } from './service.ts';
import { sha256, videoOf } from './videos.ts';

const PASSWORD = 'correct-horse';
/** As docs/operations.md gives it. */
const ACL = `user default off
user sluice on >${PASSWORD} ~upload_session:* ~upload_events &upload_session:* +@all -@admin -@dangerous +info
`;

let certificate: Certificate;
let otherName: Certificate;
let redis: RunningRedis;
let postgres: RunningPostgres;
const folders: (() => Promise<void>)[] = [];

before(async () => {
  const t = { after: (undo: () => Promise<void>) => folders.push(undo) } as unknown as TestContext;
  certificate = await makeCertificate(await folderFor(t));
  otherName = await makeCertificate(await folderFor(t), 'redis.example.org');
  redis = await startSecuredRedis(await folderFor(t), certificate);
  postgres = await startPostgres({ secured: { password: PASSWORD, certificate } });
});

after(async () => {
  await redis?.stop();
  await postgres?.stop();
  for (const undo of folders) await undo();
});

async function startSecuredRedis(folder: string, { certFile, keyFile }: Certificate): Promise<RunningRedis> {
  const aclFile = join(folder, 'users.acl');
  await writeFile(aclFile, ACL);
  const port = await freePort();
  const tls = ['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no'];
  const files = ['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', certFile];
  return startRedis({ port, settings: [...tls, ...files, '--aclfile', aclFile] });
}

function databaseUrl(password = PASSWORD, query = 'sslmode=verify-full'): string {
  const { port } = new URL(postgres.url);
  return `postgres://postgres:${password}@localhost:${port}/postgres?${query}`;
}

/** What a service needs to reach both; a test changes what it is about. */
function environment(): Record<string, string> {
  return {
    REDIS_HOST: 'localhost',
    REDIS_PORT: String(redis.port),
    REDIS_TLS: 'true',
    REDIS_USERNAME: 'sluice',
    REDIS_PASSWORD: PASSWORD,
    DATABASE_URL: databaseUrl(),
    NODE_EXTRA_CA_CERTS: certificate.certFile,
  };
}

test('over TLS, as a user who may do no more than is needed, everything works', async (t) => {
  const service = await serviceFor(t, { env: environment() });
  const client = createClient(service, randomUUID());
  const file = videoOf(1 << 20, 5);
  const session = await client.session(file.length);
  assert.equal(await patchRest(session.url, file, 0), 204);
  assert.equal((await client.status(session.id)).body.sha256, sha256(file));
  assert.equal((await client.call('GET', 'sessions')).status, 200);
  const cancelled = await client.session(1000);
  assert.equal((await client.call('DELETE', `sessions/${cancelled.id}`)).status, 204);
  const quota = await client.quota();
  assert.deepEqual([quota.quota_used, quota.quota_reserved], [file.length, 0]);
  assert.equal((await fetch(`${service.url}/readyz`)).status, 200);
  assert.doesNotMatch(service.output, /NOPERM|failed/);
});

interface Wrong {
  readonly what: string;
  readonly env: () => Readonly<Record<string, string>>;
  readonly says: RegExp;
  /** By `sluice doctor` too. */
  readonly examined?: boolean;
}

const WRONG: readonly Wrong[] = [
  {
    what: 'a wrong password of Redis',
    env: () => ({ REDIS_PASSWORD: 'no-such-word' }),
    says: /Redis \(localhost:\d+\) refuses the user or password \(WRONGPASS\)\. Mend REDIS_USERNAME and REDIS_PASSWORD/,
    examined: true,
  },
  {
    what: 'a user that Redis does not know',
    env: () => ({ REDIS_USERNAME: 'nobody' }),
    says: /refuses the user or password \(WRONGPASS\)/,
  },
  {
    what: 'a certificate that nobody vouches for',
    env: () => ({ NODE_EXTRA_CA_CERTS: '' }),
    says: /certificate of Redis .* is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)\. Name .* NODE_EXTRA_CA_CERTS/,
  },
  {
    what: 'a wrong password of PostgreSQL',
    env: () => ({ DATABASE_URL: databaseUrl('no-such-word') }),
    says: /PostgreSQL \(localhost:\d+\) refuses the user or password \(28P01\)\. Mend DATABASE_URL/,
    examined: true,
  },
  {
    what: 'no TLS, where PostgreSQL wants it',
    env: () => ({ DATABASE_URL: databaseUrl(PASSWORD, '') }),
    says: /PostgreSQL .* refuses the user or the way it connects \(28000\)/,
  },
  {
    what: 'a database that is not there',
    env: () => ({ DATABASE_URL: databaseUrl().replace('/postgres?', '/nothing?') }),
    says: /refuses the database, which does not exist, \(3D000\)/,
  },
];

for (const { what, env, says, examined } of WRONG) {
  test(`${what} is said at the start, without a secret`, async (t) => {
    const wrong = {
      ...environment(),
      ...env(),
      DATA_DIR: await folderFor(t),
      PORT: String(await freePort()),
    };
    const commands = { serve: 78, ...(examined && { doctor: 1 }) };
    for (const [command, code] of Object.entries(commands)) {
      const ended = await run([command, '--embedded'], wrong);
      assert.equal(ended.code, code, ended.err);
      assert.match(command === 'serve' ? ended.err : ended.out, says);
      assert.doesNotMatch(ended.err + ended.out, /no-such-word|correct-horse/);
    }
  });
}

test('a certificate for another name is not taken', async (t) => {
  const other = await startSecuredRedis(await folderFor(t), otherName);
  t.after(() => other.stop());
  const env = {
    ...environment(),
    REDIS_PORT: String(other.port),
    NODE_EXTRA_CA_CERTS: otherName.certFile,
    DATA_DIR: await folderFor(t),
  };
  const { code, err } = await run(['serve', '--embedded'], env);
  assert.equal(code, 78, err);
  assert.match(err, /certificate of Redis .* is for another name/);
});
