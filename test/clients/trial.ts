import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { createRandom, videoOf } from '../e2e/videos.ts';
import { testS3 } from '../helpers/s3.ts';
import { ORIGIN } from '../protocol-suite/answers.ts';
import { type Backend, type BackendName, startBackend } from '../protocol-suite/backend.ts';
import { createContext, type User } from '../protocol-suite/context.ts';
import { type FaultKind, SURE_FAULTS, startUnsteadyLine, type UnsteadyLine } from './unsteady-line.ts';

/** How long a file is, and how bad the line. Bytes. */
export interface Size {
  readonly file: number;
  readonly meanBytesPerFault: number;
  readonly maxFaults: number;
}

/** What a client gets: a service behind an unsteady line, a user of it, and a file. */
export interface Trial {
  readonly backend: Backend;
  readonly context: ReturnType<typeof createContext>;
  readonly line: UnsteadyLine;
  readonly user: User;
  readonly file: Buffer;
  /** `Authorization` of the user. */
  readonly authorization: string;
  /** Where stock clients create uploads, beyond the line. */
  readonly endpoint: string;
  /** The `upload_url` of a session of the user, which leads over the line. */
  uploadUrl(): Promise<string>;
  /** This upload is the file, and the line did fail. */
  assertUploaded(uploadUrl: string): Promise<void>;
}

interface TrialOptions {
  readonly backend?: BackendName;
  /** Where the page comes from that has the client in it. */
  readonly pageOrigin?: string;
  /** Another line, which leads to S3, for clients that send their bytes there. */
  readonly lineToS3?: boolean;
}

export async function startTrial(t: TestContext, size: Size, options: TrialOptions = {}): Promise<Trial> {
  const seed = Number(process.env.SLUICE_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`SLUICE_TEST_SEED=${seed}`);
  const random = createRandom(seed);
  let port = 0;
  const { file: bytes, meanBytesPerFault: meanBytes, maxFaults } = size;
  async function startLine(target: () => number, without?: readonly FaultKind[]): Promise<UnsteadyLine> {
    const more = without && { without };
    const started = await startUnsteadyLine({ target, random, meanBytes, maxFaults, ...more });
    t.after(() => started.close());
    return started;
  }
  const line = await startLine(() => port);
  // Where S3 refuses a part whose sender closes too early, the gateway of the tests (Versity's, 1.8.0) answers 200,
  // and fills it up with zeros.
  const s3Port = () => Number(new URL(testS3().endpoint).port);
  const toS3 = options.lineToS3 ? await startLine(s3Port, ['closed']) : null;
  const backend = await startBackend(options.backend ?? 'SQLite and disk', {
    PUBLIC_URL: line.url,
    // For clients that name the version of the draft they speak, and for no other.
    INTERIM_RESPONSES: 'true',
    ...(toS3 && { S3_PUBLIC_ENDPOINT: toS3.url }),
    CORS_ORIGINS: [ORIGIN, ...(options.pageOrigin ? [options.pageOrigin] : [])].join(','),
  });
  t.after(() => backend.stop());
  port = Number(new URL(backend.service.url).port);
  const context = createContext(backend);
  const file = videoOf(bytes, seed);
  const user = context.user();
  const began = performance.now();

  return {
    backend,
    context,
    line,
    user,
    file,
    authorization: user.authorization,
    endpoint: `${line.url}/v1/uploads`,
    async uploadUrl() {
      const { target } = await context.session({ expected_file_size: file.length }, user);
      return `${line.url}${target}`;
    },
    async assertUploaded(uploadUrl) {
      const { pathname, search } = new URL(uploadUrl);
      const id = pathname.split('/').at(-1) ?? '';
      const upload = { id, target: `${pathname}${search}`, user };
      await context.assertFile(upload, file).catch((cause: unknown) => {
        throw new Error(`with SLUICE_TEST_SEED=${seed}`, { cause });
      });
      // What is reserved is for creations whose answer was lost.
      assert.equal((await context.quota(user)).used, file.length, 'it is counted once');
      const counts = [line, ...(toS3 ? [toS3] : [])].map(({ faults }) => faults);
      t.diagnostic(`${JSON.stringify(counts)}, ${((performance.now() - began) / 1000).toFixed(1)} s`);
      const sum = counts.flatMap(Object.values<number>).reduce((all, count) => all + count, 0);
      assert.ok(sum >= SURE_FAULTS, `the line failed ${sum} times only: seed ${seed} proves little`);
    },
  };
}
