import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Environment, loadConfig } from '../../src/config.ts';

const SECRET_KEY = 'a secret of the tests that has at least 32 bytes';

function mistypedIn(env: Environment) {
  const result = loadConfig({ SECRET_KEY, ...env }, 'embedded');
  return result.ok ? result.config.mistyped : [];
}

test('a name that is a slip of the pen away from a variable is told with the one that was meant', () => {
  const env = {
    ...{ UPLOAD_MAX_FILESIZE: '5', REDIS_HOSTT: 'a', DATABSE_URL: 'x', LOG_LEVLE: 'info', USES3: '1' },
    // Of Kubernetes, AWS, OpenTelemetry, a shell, Node, other tools; and what is set to nothing.
    ...{
      REDIS_PORT_6379_TCP: 'x',
      REDIS_SERVICE_HOST: 'x',
      REDIS_TTL: '1',
      AWS_REGION: 'x',
      AWS_PROFILE: 'x',
    },
    ...{ S3_BUCKET: 'x', OTEL_TRACES_SAMPLER: 'x', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'x', HTTP_PROXY: 'x' },
    ...{
      HOME: '/',
      HOSTS: 'x',
      PATH: '/',
      POST: 'x',
      WORKER: '1',
      NODE_ENV: 'x',
      PORTS: '1',
      LOG_LEVELS: '',
    },
  };
  assert.deepEqual(
    mistypedIn(env).map(({ name, meant }) => `${name} ${meant}`),
    [
      'UPLOAD_MAX_FILESIZE UPLOAD_MAX_FILE_SIZE',
      'REDIS_HOSTT REDIS_HOST',
      'DATABSE_URL DATABASE_URL',
      'LOG_LEVLE LOG_LEVEL',
      'USES3 USE_S3',
    ],
  );
});

test('beside a fault, a mistyped name is told as its likely reason', () => {
  const result = loadConfig({ SECRET_KEY, DATABSE_URL: 'postgres://x' }, 'production');
  const faults = result.ok ? [] : result.faults;
  assert.ok(faults.some((fault) => fault.startsWith('DATABASE_URL: ')));
  assert.equal(faults.at(-1), 'DATABSE_URL is not known; did you mean DATABASE_URL?');
});
