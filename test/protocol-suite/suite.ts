import { availableParallelism } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { ORIGIN } from './answers.ts';
import { type Backend, type BackendName, startBackend } from './backend.ts';
import { createContext } from './context.ts';
import type { Row } from './row.ts';
import { BROWSER_ROWS } from './rows/browsers.ts';
import { CONCATENATION_ROWS } from './rows/concatenation.ts';
import { CREATION_ROWS } from './rows/creation.ts';
import { CUT_DIALECT_ROWS } from './rows/cut-dialects.ts';
import { CUT_ROWS } from './rows/cuts.ts';
import { DIRECT_ROWS } from './rows/direct.ts';
import { DIRECT_LIFE_ROWS } from './rows/direct-life.ts';
import { IETF_ROWS } from './rows/ietf.ts';
import { IETF_COMPLETION_ROWS } from './rows/ietf-completion.ts';
import { IETF_CREATION_ROWS } from './rows/ietf-creation.ts';
import { IETF_FIELD_ROWS } from './rows/ietf-fields.ts';
import { LIFE_ROWS } from './rows/life.ts';
import { MISBEHAVING_ROWS } from './rows/misbehaving.ts';
import { PLAIN_ROWS } from './rows/plain.ts';
import { REFUSAL_ROWS } from './rows/refusals.ts';
import { RESERVATION_ROWS } from './rows/reservations.ts';
import { TUS_ROWS } from './rows/tus.ts';
import { TUS_EXTENSION_ROWS } from './rows/tus-extensions.ts';
import { WRITER_ROWS } from './rows/writers.ts';

/** Those that wait for time to pass come first. */
const ROWS: readonly Row[] = [
  ...LIFE_ROWS,
  ...DIRECT_LIFE_ROWS,
  ...MISBEHAVING_ROWS,
  ...PLAIN_ROWS,
  ...TUS_ROWS,
  ...CREATION_ROWS,
  ...TUS_EXTENSION_ROWS,
  ...CONCATENATION_ROWS,
  ...DIRECT_ROWS,
  ...IETF_ROWS,
  ...IETF_COMPLETION_ROWS,
  ...IETF_CREATION_ROWS,
  ...IETF_FIELD_ROWS,
  ...WRITER_ROWS,
  ...CUT_ROWS,
  ...CUT_DIALECT_ROWS,
  ...REFUSAL_ROWS,
  ...RESERVATION_ROWS,
  ...BROWSER_ROWS,
];

const ENVIRONMENT = {
  CORS_ORIGINS: ORIGIN,
  INTERIM_RESPONSES: 'true',
  UPLOAD_MAX_FILE_SIZE: '40000000',
  // Seconds. Short enough to wait for, long enough for every other row.
  UPLOAD_SESSION_TTL: '20',
  UPLOAD_IDLE_TIMEOUT: '8',
};

/** Rows at the same time: most of them wait for the service, some for the clock. */
const CONCURRENCY = 4 * availableParallelism();

/** Every promise of the upload resource, on one backend: raw sockets against one real process. */
export function protocolSuite(name: BackendName): void {
  describe(name, { concurrency: CONCURRENCY }, () => {
    let backend: Backend | undefined;
    before(async () => {
      backend = await startBackend(name, ENVIRONMENT);
    });
    after(() => backend?.stop());

    for (const { promise, section, only, run } of ROWS) {
      if (only && !only.includes(name)) continue;
      test(`${promise} [${section}]`, async () => {
        if (!backend) throw new Error('the service has not been started');
        await run(createContext(backend));
      });
    }
  });
}
