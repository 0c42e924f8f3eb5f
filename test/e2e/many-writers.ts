import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { TestContext } from 'node:test';
import { offsetOf, type StartedSession } from './client.ts';
import type { TwoServices } from './two-services.ts';
import { until } from './until.ts';
import { createRandom, videoOf } from './videos.ts';

const SIZE = 3_000_000;
const WRITERS = 5;
const REQUESTS_EACH = 14;
const DEADLINE_MS = 60_000;

/** The answers that a writer among many may get; anything else is a fault. */
const EXPECTED = new Set([201, 204, 400, 409, 410, 413]);
/** Beside these, where the machine stood still for so long that a store was given up: asked again, it is there. */
const STORE_GIVEN_UP = /REDIS_CONNECTION_ERROR|LEDGER_UNAVAILABLE/;

interface Told {
  readonly status: number;
  readonly text: string;
}

interface Move {
  readonly method: 'PATCH' | 'PUT';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Buffer;
  /** Bytes after which the connection is reset; null where all of them are sent. */
  readonly cutAfter: number | null;
}

type Random = () => number;

/**
 * Several writers in all dialects at two processes, cut off, too early, too late: what was acknowledged stays, the
 * file is right in the end, and it is counted once.
 */
export async function manyWriters(
  t: TestContext,
  { first, second, client, at, assertCompleted }: TwoServices,
): Promise<void> {
  const seed = Number(process.env.SLUICE_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`SLUICE_TEST_SEED=${seed}`);
  let used = 0;

  for (const [round, restarts] of [false, true, false, true].entries()) {
    const random = createRandom(seed + round);
    const file = videoOf(SIZE, seed + round);
    const session = await client.session(SIZE);
    const urls = [at(first, session), at(second, session)] as const;
    const anyUrl = () => urls[random() < 0.5 ? 0 : 1];
    let acknowledged = 0;

    /** The offset as it is told now, which is never below what was told before this question. */
    async function ask(): Promise<number | null> {
      const before = acknowledged;
      const offset = await offsetOf(anyUrl()).catch(() => null);
      if (offset === null) return null;
      if (!restarts) assert.ok(offset >= before, `seed ${seed}: the offset fell from ${before} to ${offset}`);
      acknowledged = Math.max(acknowledged, offset);
      return offset;
    }

    await Promise.all(
      Array.from({ length: WRITERS }, async () => {
        for (let n = 0; n < REQUESTS_EACH; n += 1) {
          const offset = await ask();
          if (offset === SIZE) return;
          const told = await play(chooseMove(random, { url: anyUrl(), file, offset: offset ?? 0, restarts }));
          if (told) assertExpected(told, seed);
        }
      }),
    );
    await finish(session, urls[1], file);
    used += SIZE;
    await assertCompleted(session, file, used);
  }

  async function finish(session: StartedSession, url: URL, file: Buffer): Promise<void> {
    await until(`seed ${seed}: the upload is finished`, async () => {
      const { body } = await client.status(session.id);
      if (body.status === 'completed') return true;
      const offset = await offsetOf(url).catch(() => null);
      if (offset !== null) await play(tusMove(url, file, offset, SIZE, null));
      return false;
    });
  }
}

function assertExpected({ status, text }: Told, seed: number): void {
  if (status === 503 && STORE_GIVEN_UP.test(text)) return;
  assert.ok(EXPECTED.has(status), `seed ${seed}: a writer was told ${status} ${text}`);
}

function chooseMove(
  random: Random,
  { url, file, offset, restarts }: { url: URL; file: Buffer; offset: number; restarts: boolean },
): Move {
  // Some repeat what is there already, some are ahead of it.
  const wrong = random() < 0.2 ? Math.floor((random() - 0.5) * 400_000) : 0;
  const start = Math.min(SIZE, Math.max(0, offset + wrong));
  const toTheEnd = random() < 0.15;
  const end = toTheEnd ? SIZE : Math.min(SIZE, start + Math.floor(random() * 600_000));
  const cutAfter = random() < 0.4 ? Math.floor(random() * (end - start)) : null;
  if (restarts && random() < 0.1) {
    return { method: 'PUT', url, headers: { 'content-length': SIZE }, body: file, cutAfter: SIZE / 2 };
  }
  return random() < 0.5
    ? tusMove(url, file, start, end, cutAfter)
    : ietfMove(url, file, start, end, cutAfter);
}

function tusMove(url: URL, file: Buffer, start: number, end: number, cutAfter: number | null): Move {
  const headers = {
    'tus-resumable': '1.0.0',
    'upload-offset': start,
    'content-type': 'application/offset+octet-stream',
    'content-length': end - start,
  };
  return { method: 'PATCH', url, headers, body: file.subarray(start, end), cutAfter };
}

function ietfMove(url: URL, file: Buffer, start: number, end: number, cutAfter: number | null): Move {
  const headers = {
    'upload-draft-interop-version': 8,
    'upload-offset': start,
    'upload-complete': end === SIZE ? '?1' : '?0',
    'content-type': 'application/partial-upload',
    'content-length': end - start,
  };
  return { method: 'PATCH', url, headers, body: file.subarray(start, end), cutAfter };
}

/** The answer; null where the connection was cut, by either side. */
async function play({ method, url, headers, body, cutAfter }: Move): Promise<Told | null> {
  const request = httpRequest(url, { method, headers, agent: false });
  request.on('error', () => {});
  const answered = once(request, 'response', { signal: AbortSignal.timeout(DEADLINE_MS) });
  if (cutAfter === null) {
    request.end(body);
  } else {
    request.write(body.subarray(0, cutAfter), () => request.destroy());
  }
  try {
    const [response] = (await answered) as [IncomingMessage];
    const text = (await response.toArray()).join('');
    return { status: response.statusCode ?? 0, text };
  } catch (fault) {
    if (fault instanceof Error && fault.name === 'AbortError') throw fault;
    return null;
  }
}
