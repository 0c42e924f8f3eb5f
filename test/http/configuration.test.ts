import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { TSchema } from 'typebox';
import { annotation } from '../../src/config/parse.ts';
import { ConfigVariables } from '../../src/config/variables.ts';
import { type Config, type Environment, loadConfig, type Profile } from '../../src/config.ts';

const SECRET_KEY = 'a secret of the tests that has at least 32 bytes';

function faultsOf(env: Environment, profile: Profile = 'embedded'): readonly string[] {
  const result = loadConfig({ SECRET_KEY, ...env }, profile);
  return result.ok ? [] : result.faults;
}

function configOf(env: Environment, profile: Profile = 'embedded'): Config {
  const result = loadConfig({ SECRET_KEY, ...env }, profile);
  if (!result.ok) throw new Error(result.faults.join('\n'));
  return result.config;
}

async function tempFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-config-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('every variable of the contract is known, with its default', () => {
  const names =
    `REDIS_HOST REDIS_PORT REDIS_DB REDIS_PASSWORD REDIS_SOCKET_TIMEOUT REDIS_SOCKET_CONNECT_TIMEOUT
    UPLOAD_MAX_FILE_SIZE UPLOAD_SESSION_TTL UPLOAD_URL_TTL UPLOAD_DEFAULT_QUOTA UPLOAD_QUOTA_RESET_DAYS USE_S3
    USE_LOCAL_STORAGE S3_BUCKET_NAME AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    LOCAL_UPLOAD_FOLDER LOCAL_TEMP_FOLDER SECRET_KEY HOST PORT PUBLIC_URL TRUST_PROXY DATA_DIR DATABASE_URL
    REDIS_URL REDIS_TLS REDIS_SENTINELS REDIS_CLUSTER_NODES REDIS_KEY_PREFIX S3_ENDPOINT S3_FORCE_PATH_STYLE
    UPLOAD_ALLOWED_FORMATS UPLOAD_MAX_ACTIVE_SESSIONS UPLOAD_SESSION_MAX_LIFETIME CORS_ORIGINS WEBHOOK_URL
    WEBHOOK_SECRET SESSION_ENCRYPTION_KEYS WORKERS LOG_LEVEL JWT_JWKS_URL JWT_ISSUER JWT_AUDIENCE
    FLASK_SECRET_KEY FLASK_SECRET_KEY_FALLBACKS FLASK_COOKIE_NAME`.split(/\s+/);
  const properties: Readonly<Record<string, TSchema>> = ConfigVariables.properties;
  for (const name of names) assert.ok(name in properties, name);
  const defaults = {
    REDIS_HOST: 'localhost',
    REDIS_PORT: 6379,
    REDIS_DB: 0,
    REDIS_SOCKET_TIMEOUT: 5,
    REDIS_SOCKET_CONNECT_TIMEOUT: 5,
    REDIS_KEY_PREFIX: 'upload_session',
    UPLOAD_MAX_FILE_SIZE: 524_288_000,
    UPLOAD_SESSION_TTL: 3600,
    UPLOAD_URL_TTL: 3600,
    UPLOAD_DEFAULT_QUOTA: 10_737_418_240,
    UPLOAD_QUOTA_RESET_DAYS: 30,
    UPLOAD_MAX_ACTIVE_SESSIONS: 100,
    UPLOAD_SESSION_MAX_LIFETIME: 86_400,
    USE_S3: true,
    USE_LOCAL_STORAGE: false,
    AWS_DEFAULT_REGION: 'us-east-1',
    LOCAL_UPLOAD_FOLDER: 'uploads',
    LOCAL_TEMP_FOLDER: 'temp_uploads',
    PORT: 8080,
    DATA_DIR: './data',
  };
  for (const [name, value] of Object.entries(defaults))
    assert.deepEqual(annotation(properties[name] ?? {}, 'default'), value, name);
});

test('production with nothing set lists everything that is missing, at once', () => {
  const result = loadConfig({}, 'production');
  assert.ok(!result.ok);
  const named = result.faults.map((fault) => fault.split(':')[0]).sort();
  assert.deepEqual(named, ['DATABASE_URL', 'S3_BUCKET_NAME', 'SECRET_KEY']);
});

test('a value that cannot be read is named with what it should be, and all are named', () => {
  const faults = faultsOf({
    PORT: '80a',
    UPLOAD_SESSION_TTL: '1h',
    UPLOAD_DEFAULT_QUOTA: '-1',
    UPLOAD_MAX_FILE_SIZE: '1e9',
    REDIS_PORT: '65536',
    USE_LOCAL_STORAGE: 'yes',
    LOG_LEVEL: 'loud',
    UPLOAD_ALLOWED_FORMATS: 'mp4,,mov',
    PUBLIC_URL: 'uploads.example.org',
    CORS_ORIGINS: 'https://dash.example.org/app',
    TRUST_PROXY: 'everybody',
  });
  const named = faults.map((fault) => fault.split(':')[0]).sort();
  assert.deepEqual(named, [
    'CORS_ORIGINS',
    'LOG_LEVEL',
    'PORT',
    'PUBLIC_URL',
    'REDIS_PORT',
    'TRUST_PROXY',
    'UPLOAD_ALLOWED_FORMATS',
    'UPLOAD_DEFAULT_QUOTA',
    'UPLOAD_MAX_FILE_SIZE',
    'UPLOAD_SESSION_TTL',
    'USE_LOCAL_STORAGE',
  ]);
  assert.ok(faults.includes('PORT: "80a" is not a whole number from 0 to 65535.'));
});

test('what turns a part off is no fault, nor are keys of a part that is off', () => {
  const off = { USE_S3: 'false', WORKERS: '1', FLASK_COOKIE_NAME: 'session', INTERIM_RESPONSES: '0' };
  assert.deepEqual(faultsOf({ ...off, AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'y' }), []);
});

test('the secret has at least 32 bytes, and never shows', () => {
  const short = 'hunter2hunter2hunter2hunter2hun';
  const faults = faultsOf({ SECRET_KEY: short });
  assert.equal(faults.length, 1);
  assert.match(faults[0] ?? '', /^SECRET_KEY: has fewer than 32 bytes/);
  assert.doesNotMatch(faults.join(), /hunter2/);
  assert.deepEqual(faultsOf({ SECRET_KEY: `${short}!` }), []);
});

test('embedded makes its secret once, for its owner alone', async (t) => {
  const DATA_DIR = join(await tempFolder(t), 'new');
  const made = configOf({ SECRET_KEY: '', DATA_DIR });
  assert.ok(made.secretKey.length >= 32);
  assert.equal((await stat(join(DATA_DIR, 'secret_key'))).mode & 0o777, 0o600);
  assert.equal((await readFile(join(DATA_DIR, 'secret_key'), 'utf8')).trim(), made.secretKey);
  assert.equal(configOf({ SECRET_KEY: '', DATA_DIR }).secretKey, made.secretKey);
});

test('a faulty configuration makes nothing', async (t) => {
  const DATA_DIR = join(await tempFolder(t), 'new');
  assert.ok(faultsOf({ SECRET_KEY: '', DATA_DIR, PORT: 'x' }).length > 0);
  await assert.rejects(stat(DATA_DIR));
});

test('embedded keeps everything under DATA_DIR, and uses Redis only where it is named', () => {
  const plain = configOf({ DATA_DIR: '/srv/sluice' });
  assert.deepEqual(plain.sessions, { backend: 'sqlite', file: '/srv/sluice/sessions.db' });
  assert.equal(folderOf(plain), '/srv/sluice/uploads');
  assert.equal(plain.host, '127.0.0.1');
  assert.equal(folderOf(configOf({ LOCAL_UPLOAD_FOLDER: '/videos' })), '/videos');

  for (const env of [{ REDIS_HOST: 'r' }, { REDIS_PORT: '6380' }, { REDIS_URL: 'redis://r' }]) {
    assert.equal(configOf(env).sessions.backend, 'redis', JSON.stringify(env));
  }
  assert.equal(configOf({ REDIS_DB: '3' }).sessions.backend, 'sqlite');
});

function folderOf({ storage }: Config): string | null {
  return storage.backend === 'disk' ? storage.uploadFolder : null;
}

test('embedded keeps files in S3 only where a bucket is named, and not where the disk is asked for', () => {
  const S3 = {
    S3_BUCKET_NAME: 'videos',
    S3_ENDPOINT: 'https://s3.example.org/',
    S3_FORCE_PATH_STYLE: 'true',
  };
  assert.deepEqual(configOf({ ...S3, AWS_ACCESS_KEY_ID: 'k', AWS_SECRET_ACCESS_KEY: 's' }).storage, {
    backend: 's3',
    bucket: 'videos',
    endpoint: 'https://s3.example.org',
    publicEndpoint: null,
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: { accessKeyId: 'k', secretAccessKey: 's' },
    memoryBudgetBytes: 64 * 2 ** 20,
  });
  assert.equal(configOf({ ...S3, USE_LOCAL_STORAGE: 'true' }).storage.backend, 'disk');
  assert.equal(configOf({ ...S3, USE_S3: 'false' }).storage.backend, 'disk');
  assert.match(faultsOf({ USE_S3: 'true' }).join(), /^S3_BUCKET_NAME: is not set/);
  assert.match(faultsOf({ ...S3, S3_ENDPOINT: 's3.example.org' }).join(), /^S3_ENDPOINT: /);
  assert.match(faultsOf({ S3_BUCKET_NAME: 'Videos!' }).join(), /^S3_BUCKET_NAME: /);
  assert.match(faultsOf({ ...S3, AWS_ACCESS_KEY_ID: 'k' }).join(), /^AWS_SECRET_ACCESS_KEY: set it together/);
});

test('REDIS_URL says all in one, and contradicts nothing', () => {
  const { sessions } = configOf({ REDIS_URL: 'rediss://user:p%40ss@cache.example:6380/4' });
  assert.ok(sessions.backend === 'redis');
  assert.deepEqual(sessions.redis, {
    host: 'cache.example',
    port: 6380,
    db: 4,
    username: 'user',
    password: 'p@ss',
    tls: true,
    socketTimeoutMs: 5000,
    connectTimeoutMs: 5000,
  });
  assert.match(faultsOf({ REDIS_URL: 'redis://a', REDIS_HOST: 'b' })[0] ?? '', /REDIS_URL/);
  assert.match(faultsOf({ REDIS_URL: 'http://a' })[0] ?? '', /REDIS_URL/);
});

test('Sentinels and Cluster nodes take the place of one address, and contradict nothing', () => {
  const common = { tls: false, socketTimeoutMs: 5000, connectTimeoutMs: 5000 };
  const redisOf = (env: Environment) => {
    const { sessions } = configOf(env);
    assert.ok(sessions.backend === 'redis');
    return sessions.redis;
  };
  const sentinels = {
    REDIS_SENTINELS: 'one:26380, two,[::1]:7',
    REDIS_USERNAME: 'sluice',
    REDIS_PASSWORD: 'p',
    REDIS_SENTINEL_USERNAME: 'watcher',
    REDIS_SENTINEL_PASSWORD: 'q',
  };
  assert.deepEqual(redisOf(sentinels), {
    ...common,
    sentinels: [
      { host: 'one', port: 26_380 },
      { host: 'two', port: 26_379 },
      { host: '::1', port: 7 },
    ],
    masterName: 'mymaster',
    username: 'sluice',
    password: 'p',
    sentinelUsername: 'watcher',
    sentinelPassword: 'q',
    db: 0,
  });
  assert.deepEqual(redisOf({ REDIS_CLUSTER_NODES: 'a:7000,b', REDIS_TLS: '1' }), {
    ...common,
    tls: true,
    nodes: [
      { host: 'a', port: 7000 },
      { host: 'b', port: 6379 },
    ],
  });
  const contradictions: readonly Environment[] = [
    { REDIS_CLUSTER_NODES: 'a', REDIS_SENTINELS: 'b' },
    { REDIS_CLUSTER_NODES: 'a', REDIS_URL: 'redis://b' },
    { REDIS_CLUSTER_NODES: 'a', REDIS_DB: '1' },
    { REDIS_CLUSTER_NODES: 'redis://a' },
    { REDIS_SENTINELS: 'a', REDIS_HOST: 'b' },
    { REDIS_SENTINELS: 'a:0' },
  ];
  for (const env of contradictions) assert.equal(faultsOf(env).length, 1, JSON.stringify(env));
});

test('several processes share sessions in Redis only', () => {
  assert.equal(configOf({ WORKERS: '4', REDIS_HOST: 'a' }).workers, 4);
  assert.match(faultsOf({ WORKERS: '2' })[0] ?? '', /^WORKERS: 2 processes cannot share sessions in SQLite/);
});

test('limits are read in the units of the contract', () => {
  const { limits, quota, uploadUrlTtlSeconds } = configOf({
    UPLOAD_SESSION_TTL: '7',
    UPLOAD_SESSION_MAX_LIFETIME: '70',
    UPLOAD_URL_TTL: '5',
    UPLOAD_QUOTA_RESET_DAYS: '2',
    UPLOAD_ALLOWED_FORMATS: 'MP4, webm',
  });
  assert.equal(limits.sessionTtlMs, 7000);
  assert.equal(limits.maxLifetimeMs, 70_000);
  assert.deepEqual(limits.allowedFormats, ['mp4', 'webm']);
  assert.equal(uploadUrlTtlSeconds, 5);
  assert.equal(quota.periodMs, 2 * 86_400_000);
  assert.equal(configOf({ UPLOAD_ALLOWED_FORMATS: '*' }).limits.allowedFormats, '*');
  assert.match(
    faultsOf({ UPLOAD_SESSION_TTL: '100', UPLOAD_SESSION_MAX_LIFETIME: '99' })[0] ?? '',
    /UPLOAD_SESSION_MAX_LIFETIME/,
  );
  assert.equal(configOf({ UPLOAD_SESSION_TTL: '100000' }).limits.maxLifetimeMs, 100_000_000);
});

test('a variable set to nothing counts as unset', () => {
  assert.equal(configOf({ PORT: '', PUBLIC_URL: ' ' }).port, 8080);
});
