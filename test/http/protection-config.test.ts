import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Environment, loadConfig, type Profile } from '../../src/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-config-'));
after(() => rmSync(folder, { recursive: true }));

const PRODUCTION = {
  SECRET_KEY: 'x'.repeat(32),
  DATABASE_URL: 'postgres://user:password@db/sluice',
  S3_BUCKET_NAME: 'bucket',
};

function load(env: Environment, profile: Profile = 'production') {
  return loadConfig({ DATA_DIR: folder, ...(profile === 'production' ? PRODUCTION : {}), ...env }, profile);
}

function protectionOf(env: Environment, profile: Profile = 'production') {
  const result = load(env, profile);
  assert.ok(result.ok, result.ok ? '' : result.faults.join('\n'));
  return result.config.protection;
}

test('production limits users, addresses and connections; one machine for itself does not', () => {
  const open = protectionOf({});
  assert.ok(open.rates.initiate > 0 && open.rates.validate > 0 && open.rates.failedAuthentication > 0);
  assert.ok(open.connections.perAddress > 0);
  const embedded = protectionOf({}, 'embedded');
  assert.deepEqual(embedded.rates, { initiate: 0, validate: 0, address: 0, failedAuthentication: 0 });
  assert.equal(embedded.connections.perAddress, 0);
  assert.equal(
    protectionOf({ RATE_LIMIT_INITIATE: '7' }, 'embedded').rates.initiate,
    7,
    'what is set is honoured',
  );
});

test('files are scanned where clamd is named, and fail closed unless told otherwise', () => {
  assert.equal(protectionOf({}).clamd, null);
  assert.deepEqual(protectionOf({ CLAMD_HOST: 'av' }).clamd, {
    host: 'av',
    port: 3310,
    timeoutMs: 60_000,
    failOpen: false,
  });
});

test('encryption keys are read in their order, in either base64', () => {
  const [one, two] = [randomBytes(32), randomBytes(32)];
  const { encryptionKeys } = protectionOf({
    SESSION_ENCRYPTION_KEYS: `new:${one.toString('base64')}, old:${two.toString('base64url')}`,
  });
  assert.deepEqual(encryptionKeys, [
    { id: 'new', key: one },
    { id: 'old', key: two },
  ]);
});

test('a bad encryption key is named by its place, and never shown', () => {
  const good = randomBytes(32).toString('base64');
  for (const [keys, fault] of [
    [good, /entry 1 is not/],
    [`a:${good},b:${good.slice(2)}`, /entry 2 is not/],
    [`a:${randomBytes(16).toString('base64')}`, /entry 1 is not/],
    [`a b:${good}`, /entry 1 is not/],
    [`a:${good},a:${good}`, /two keys have the id a/],
    [`a:${'!'.repeat(43)}=`, /entry 1 is not/],
  ] as const) {
    const result = load({ SESSION_ENCRYPTION_KEYS: keys });
    assert.ok(!result.ok, keys);
    assert.match(result.faults.join('\n'), fault);
    assert.ok(!result.faults.join('\n').includes(good.slice(3, 20)));
  }
});
