import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type ServiceProcess, startServiceProcess } from '../../scripts/lib/service-process.ts';
import {
  answerTo,
  createClient,
  offsetOf,
  openPatch,
  patchRest,
  type StartedSession,
  writeOut,
} from '../e2e/client.ts';
import { until } from '../e2e/until.ts';
import { sha256, videoOf } from '../e2e/videos.ts';
import { type Receiver, startReceiver } from '../events/receiver.ts';
import { assertMoves, type Moves, readSeries } from './series.ts';

/** Whatever way an upload takes, what happens on it is counted, once, and nothing else is. */

const SIZE = 1 << 20;
const FILE = videoOf(SIZE, 1);
const HALF = SIZE / 2;

let receiver: Receiver;
let service: ServiceProcess;
before(async () => {
  receiver = await startReceiver();
  service = await startServiceProcess({
    env: {
      ...{ WEBHOOK_URL: receiver.url, WEBHOOK_ALLOW_PRIVATE: 'true' },
      WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 5).toString('base64')}`,
      ...{ UPLOAD_SESSION_TTL: '3600', RECONCILE_INTERVAL: '3600' },
    },
  });
});
after(async () => {
  await service.stop();
  await receiver.close();
});

const ROUTE = '/v1/uploads/:session_id';
const answered = (method: string, status: number | 'aborted', route = ROUTE) =>
  `http_server_request_duration_seconds_count{method="${method}",route="${route}",status_code="${status}"}`;
const bytes = (protocol: string) => `upload_bytes_received_total{protocol="${protocol}",backend="disk"}`;
const ended = (outcome: string) => `upload_completed_total{outcome="${outcome}"}`;
const aborted = (reason: string) => `upload_aborted_total{reason="${reason}"}`;
const RESUMED = 'upload_resume_total';
const CONFLICT = 'upload_offset_conflict_total';
/** An event that the webhook takes at once. */
const TOLD = {
  'webhook_attempts_total{outcome="delivered"}': 1,
  webhook_first_attempt_delay_seconds_count: 1,
};
const COMPLETED = {
  [ended('completed')]: 1,
  upload_duration_seconds_count: 1,
  settlement_duration_seconds_count: 1,
  'storage_op_duration_seconds_count{backend="disk",op="finalize",outcome="ok"}': 1,
  ...TOLD,
};

interface Step {
  readonly session: StartedSession;
  readonly client: ReturnType<typeof createClient>;
}

async function begin(more: object = {}, file = FILE): Promise<Step> {
  const client = createClient(service, randomUUID());
  const { status, body } = await client.initiate(file.length, more);
  assert.equal(status, 201);
  const session = { id: String(body.session_id), url: new URL(String(body.upload_url), service.url) };
  return { session, client };
}

async function patch({ url }: StartedSession, from: number, to: number): Promise<number> {
  const request = openPatch(url, from, to - from);
  request.end(FILE.subarray(from, to));
  return (await answerTo(request)).statusCode ?? 0;
}

async function put({ url }: StartedSession, body: Buffer): Promise<number> {
  const response = await fetch(url, { method: 'PUT', body });
  await response.text();
  return response.status;
}

/** A PATCH that has sent the first half and hangs there, acknowledged. */
async function hangingPatch({ url }: StartedSession) {
  const request = openPatch(url, 0, SIZE);
  const answer = answerTo(request).catch(() => null);
  await writeOut(request, FILE.subarray(0, HALF));
  await until('the first half is acknowledged', async () => {
    const { body } = await call(url);
    return body === HALF;
  });
  return { request, answer };
}

/** The offset, asked where it does not count as a request to the upload resource. */
async function call(url: URL): Promise<{ readonly body: number }> {
  const response = await fetch(url, { headers: { accept: 'application/json' } });
  const status = (await response.json()) as { upload_offset: number };
  return { body: status.upload_offset };
}

interface Case {
  readonly more?: object;
  readonly file?: Buffer;
  /** Done before anything is counted. */
  readonly prepare?: (step: Step) => Promise<unknown>;
  readonly act: (step: Step) => Promise<unknown>;
  readonly moves: Moves;
}

const CASES: Readonly<Record<string, Case>> = {
  'a plain PUT': {
    act: async ({ session }) => assert.equal(await put(session, FILE), 201),
    moves: { ...COMPLETED, [bytes('put')]: SIZE, [answered('PUT', 201)]: 1 },
  },
  'tus, in one go': {
    act: async ({ session }) => assert.equal(await patch(session, 0, SIZE), 204),
    moves: { ...COMPLETED, [bytes('tus')]: SIZE, [answered('PATCH', 204)]: 1 },
  },
  'tus, gone on with': {
    prepare: ({ session }) => patch(session, 0, HALF),
    act: async ({ session }) => assert.equal(await patchRest(session.url, FILE, HALF), 204),
    moves: { ...COMPLETED, [bytes('tus')]: HALF, [RESUMED]: 1, [answered('PATCH', 204)]: 1 },
  },
  'the draft of the IETF': {
    act: async ({ session }) => {
      const headers = {
        ...{ 'upload-complete': '?1', 'upload-offset': '0', 'upload-draft-interop-version': '8' },
        'content-type': 'application/partial-upload',
      };
      const response = await fetch(session.url, { method: 'PATCH', headers, body: FILE });
      assert.equal(response.status, 201, await response.text());
    },
    moves: { ...COMPLETED, [bytes('ietf')]: SIZE, [answered('PATCH', 201)]: 1 },
  },
  'an offset that is not that of the upload': {
    prepare: ({ session }) => patch(session, 0, HALF),
    act: async ({ session }) => assert.equal(await patch(session, HALF - 1, SIZE), 409),
    moves: { [CONFLICT]: 1, [answered('PATCH', 409)]: 1 },
  },
  'a client that goes away': {
    act: async ({ session }) => {
      const request = openPatch(session.url, 0, SIZE);
      await writeOut(request, FILE.subarray(0, HALF));
      request.destroy();
    },
    moves: { [aborted('client')]: 1, [bytes('tus')]: HALF, [answered('PATCH', 'aborted')]: 1 },
  },
  'a session that is cancelled': {
    act: async ({ session }) => {
      assert.equal((await fetch(session.url, { method: 'DELETE' })).status, 204);
    },
    moves: { [ended('cancelled')]: 1, [answered('DELETE', 204)]: 1 },
  },
  'a file that is not the declared one': {
    more: { sha256: sha256(Buffer.from('another')) },
    act: async ({ session }) => assert.equal(await put(session, FILE), 422),
    moves: { ...TOLD, [ended('digest_mismatch')]: 1, [bytes('put')]: SIZE, [answered('PUT', 422)]: 1 },
  },
  'a file that is no video': {
    file: Buffer.from('no video at all'.repeat(1000)),
    act: async ({ session }) =>
      assert.equal(await put(session, Buffer.from('no video at all'.repeat(1000))), 415),
    moves: {
      ...{ ...TOLD, [ended('unsupported_format')]: 1 },
      ...{ [aborted('refused')]: 1, [answered('PUT', 415)]: 1 },
    },
  },
  'an upload token that nobody issued': {
    act: async ({ session }) => {
      const url = new URL(session.url);
      url.searchParams.set('token', 'x');
      assert.equal(await put({ ...session, url }, FILE), 403);
    },
    moves: {
      'auth_failures_total{scheme="upload_token",reason="invalid_token"}': 1,
      [answered('PUT', 403)]: 1,
    },
  },
  "somebody else's session": {
    act: async ({ session }) => {
      const { status } = await createClient(service, randomUUID()).status(session.id);
      assert.equal(status, 403);
    },
    moves: {
      'auth_failures_total{scheme="bearer",reason="foreign_session"}': 1,
      [answered('GET', 403, '/v1/dashboard/upload/sessions/:session_id')]: 1,
    },
  },
};

for (const [name, { more, file, prepare, act, moves }] of Object.entries(CASES)) {
  test(`what happens on an upload is counted once: ${name}`, async () => {
    const step = await begin(more, file);
    if (prepare) {
      await prepare(step);
      // Requests are counted a moment after their answer: the first look has to come after that.
      await settled();
    }
    await assertMoves(service.url, moves, () => act(step));
  });
}

test('what happens on an upload is counted once: a newer request takes it over', async () => {
  const { session } = await begin();
  const { request, answer } = await hangingPatch(session);
  await settled();
  const moves = {
    ...{ ...COMPLETED, [aborted('taken_over')]: 1, [RESUMED]: 1, [bytes('tus')]: HALF },
    ...{ [answered('PATCH', 409)]: 1, [answered('PATCH', 204)]: 1 },
  };
  await assertMoves(service.url, moves, async () => {
    assert.equal(await patch(session, HALF, SIZE), 204);
    assert.equal((await answer)?.statusCode, 409);
    request.destroy();
  });
});

test('acknowledged bytes that are gone are counted by their number', async () => {
  const { session } = await begin();
  await patch(session, 0, HALF);
  const folder = join(service.dataDir, 'temp_uploads');
  const names = await readdir(folder, { recursive: true });
  const partial = names.find((name) => name.includes(session.id));
  assert.ok(partial, `no file of the session in ${names}`);
  await settled();
  const moves = {
    ...{ upload_lost_acknowledged_bytes_total: 1000, [CONFLICT]: 1 },
    [answered('PATCH', 409)]: 1,
  };
  await assertMoves(service.url, moves, async () => {
    await truncate(join(folder, partial), HALF - 1000);
    assert.equal(await patch(session, HALF, SIZE), 409);
  });
  assert.equal(await offsetOf(session.url), HALF - 1000);
});

test('an attempt that the webhook does not take is counted as failed, the next one that it takes as delivered', async () => {
  const { session } = await begin();
  const count = receiver.received.length;
  const before = await readSeries(service.url);
  receiver.answerWith((response) => response.writeHead(500).end());
  assert.equal(await put(session, FILE), 201);
  await receiver.until(count + 1);
  receiver.answerWith((response) => response.writeHead(204).end());
  const by = (name: string, now: ReadonlyMap<string, number>) =>
    (now.get(name) ?? 0) - (before.get(name) ?? 0);
  // The attempt is counted when the webhook has answered, the event is gone when the ledger has it: two moments.
  await until('it is delivered, and the ledger knows', async () => {
    const now = await readSeries(service.url);
    return by('webhook_attempts_total{outcome="delivered"}', now) === 1 && now.get('outbox_pending') === 0;
  });
  const now = await readSeries(service.url);
  assert.equal(by('webhook_attempts_total{outcome="failed"}', now), 1);
  assert.equal(by('webhook_first_attempt_delay_seconds_count', now), 1, 'the second attempt is no first one');
  assert.equal(now.get('outbox_oldest_seconds'), 0);
});

/** Two looks that see the same. */
async function settled(): Promise<void> {
  let before = '';
  await until('the counters rest', async () => {
    const series = [...(await readSeries(service.url))];
    const now = JSON.stringify(
      series.filter(([name]) => /^(http_server|webhook).*_count/.test(name) && !name.includes('/metrics')),
    );
    const same = now === before;
    before = now;
    return same;
  });
}
