import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Static, Type } from 'typebox';
import { Errors, Parse } from 'typebox/value';
import { parse } from 'yaml';
import { ConfigVariables } from '../../src/config/variables.ts';
import { loadConfig } from '../../src/config.ts';

const folder = new URL('../../deploy/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8');

/** Of the Compose specification what is used here: whatever else stands in the file is a mistake, or belongs here. */
const closed = { additionalProperties: false };
const Text = Type.String({ minLength: 1 });
const Service = Type.Object(
  {
    image: Text,
    build: Type.Optional(Type.Object({ context: Text, dockerfile: Text }, closed)),
    hostname: Type.Optional(Text),
    restart: Type.Optional(Type.Literal('unless-stopped')),
    init: Type.Optional(Type.Boolean()),
    read_only: Type.Optional(Type.Boolean()),
    tmpfs: Type.Optional(Type.Array(Text)),
    cap_drop: Type.Optional(Type.Array(Text)),
    security_opt: Type.Optional(Type.Array(Text)),
    stop_grace_period: Type.Optional(Text),
    entrypoint: Type.Optional(Type.Array(Text)),
    command: Type.Optional(Type.Array(Text)),
    environment: Type.Optional(Type.Record(Type.String(), Type.String())),
    ports: Type.Optional(Type.Array(Type.String({ pattern: '^127\\.0\\.0\\.1:\\d+:\\d+$' }))),
    volumes: Type.Optional(Type.Array(Type.String({ pattern: '^[^:]+:/[^:]+(:ro)?$' }))),
    depends_on: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Object({ condition: Type.Enum(['service_healthy', 'service_completed_successfully']) }, closed),
      ),
    ),
    healthcheck: Type.Union([
      Type.Object({ disable: Type.Literal(true) }, closed),
      Type.Object(
        {
          test: Type.Array(Text, { minItems: 2 }),
          interval: Text,
          timeout: Text,
          retries: Type.Integer({ minimum: 1 }),
          start_period: Type.Optional(Text),
        },
        closed,
      ),
    ]),
  },
  closed,
);
const ComposeFile = Type.Object(
  {
    name: Text,
    services: Type.Record(Type.String(), Service),
    volumes: Type.Record(Type.String(), Type.Null()),
  },
  closed,
);

function readCompose(): Static<typeof ComposeFile> {
  const document: unknown = parse(read('compose.yaml'), { merge: true });
  assert.ok(typeof document === 'object' && document !== null);
  const plain = Object.fromEntries(Object.entries(document).filter(([name]) => !name.startsWith('x-')));
  assert.deepEqual(Errors(ComposeFile, plain), []);
  return Parse(ComposeFile, plain);
}

/** What stands in the example, by name. */
function readExample(): Map<string, string> {
  const lines = read('env.example').split('\n');
  const pairs = lines.filter((line) => /^[A-Z]/.test(line)).map((line) => line.split('='));
  return new Map(pairs.map(([name = '', value = '']) => [name, value]));
}

const { services, volumes } = readCompose();
const SECRET = /PASSWORD|SECRET|_KEY/;

test('the compose file has every part of production: two instances, Redis with replica and Sentinels, and the rest', () => {
  const names = Object.keys(services);
  for (const part of ['sluice', 'redis', 'sentinel']) {
    assert.ok(names.filter((name) => name.startsWith(`${part}-`)).length >= 2, part);
  }
  for (const part of ['postgres', 's3', 'prometheus', 'grafana', 'proxy'])
    assert.ok(names.includes(part), part);
});

test('every image is pinned to a version, and every service that goes on is looked after', () => {
  for (const [name, { image, build, healthcheck, restart }] of Object.entries(services)) {
    assert.match(image, /^[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?$/, name);
    if (build) assert.ok(existsSync(new URL(`../${build.dockerfile}`, folder)), name);
    if (restart) assert.ok('test' in healthcheck, name);
  }
  for (const [, image = ''] of read('Dockerfile').matchAll(/^FROM (\S+)/gm)) {
    assert.match(image, /^node:\d+\.\d+\.\d+-/);
  }
});

test('what services refer to is there: each other, files, volumes', () => {
  for (const [name, { depends_on = {}, volumes: mounts = [] }] of Object.entries(services)) {
    for (const other of Object.keys(depends_on)) assert.ok(other in services, `${name} → ${other}`);
    for (const mount of mounts) {
      const [source = ''] = mount.split(':');
      const isThere = source.startsWith('./') ? existsSync(new URL(source, folder)) : source in volumes;
      assert.ok(isThere, `${name} → ${source}`);
    }
  }
});

test('no secret is in the file or in the example, and the example names all that is asked for', () => {
  const example = readExample();
  for (const [name, { environment = {} }] of Object.entries(services)) {
    for (const [variable, value] of Object.entries(environment)) {
      if (SECRET.test(variable)) assert.match(value, /^\$\{\w+:-\}$/, `${name}: ${variable}`);
    }
  }
  for (const [, asked = ''] of read('compose.yaml').matchAll(/(?<!\$)\$\{(\w+)/g)) {
    assert.ok(example.has(asked), `${asked} is in env.example`);
  }
  for (const [name, value] of example) if (SECRET.test(name)) assert.equal(value, '', name);
});

/** Values for the secrets that have none in the example. */
function filledIn(): Record<string, string> {
  const example = [...readExample()].filter(([name]) => !name.startsWith('WEBHOOK'));
  const secret = 'ab'.repeat(24);
  return Object.fromEntries(example.map(([name, value]) => [name, SECRET.test(name) ? secret : value]));
}

test('with the example filled in, the production profile starts with what the instances are given', () => {
  const values: Readonly<Record<string, string>> = filledIn();
  const given = services['sluice-1']?.environment ?? {};
  assert.deepEqual(services['sluice-2']?.environment, given);
  const env = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name,
      value.replace(
        /\$\{(\w+)(?::([?-])([^}]*))?\}/g,
        (_, variable: string, kind?: string, rest?: string) => {
          return values[variable] || (kind === '-' ? (rest ?? '') : '');
        },
      ),
    ]),
  );
  for (const name of Object.keys(env)) assert.ok(name in ConfigVariables.properties, name);
  const result = loadConfig(env, 'production');
  assert.ok(result.ok, JSON.stringify(result));
});

test('Redis and its Sentinels do not start without their passwords', () => {
  for (const script of ['redis.sh', 'sentinel.sh']) {
    const { status, stderr } = spawnSync('sh', [fileURLToPath(new URL(script, folder))], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, REDIS_SENTINEL_PASSWORD: 'given' },
    });
    assert.notEqual(status, 0);
    assert.match(stderr, /REDIS_PASSWORD: set it in deploy\/\.env/);
  }
});

test('where docker compose is on this machine it takes the file', () => {
  const compose = (...args: string[]) => spawnSync('docker', ['compose', ...args], { encoding: 'utf8' });
  // Elsewhere the tests above have to do.
  if (compose('version').status !== 0) return;
  const { status, stderr } = compose(
    '-f',
    fileURLToPath(new URL('compose.yaml', folder)),
    'config',
    '--quiet',
  );
  assert.equal(status, 0, stderr);
});
