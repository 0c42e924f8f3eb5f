import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { type ServiceProcess, startServiceProcess } from '../../scripts/lib/service-process.ts';
import { signFlaskCookie } from '../hostile/flask-signer.ts';
import { assertMoves, type Moves } from './series.ts';

/** Whatever becomes of the wish for a session, it is counted, once, and nothing else is. */

const INITIATE = '/v1/dashboard/upload/initiate';
const UPLOADS = '/v1/uploads';
const MAX_BYTES = 8_000_000;
const FLASK_SECRET_KEY = 'the key of a dashboard';

let service: ServiceProcess;
before(async () => {
  service = await startServiceProcess({
    env: {
      ...{ UPLOAD_MAX_FILE_SIZE: String(MAX_BYTES), UPLOAD_DEFAULT_QUOTA: '10000000' },
      ...{ UPLOAD_MAX_ACTIVE_SESSIONS: '2', RATE_LIMIT_INITIATE: '3', FLASK_SECRET_KEY },
      // A reconciler at work would count nothing here, but look.
      ...{ RECONCILE_INTERVAL: '3600', CORS_ORIGINS: 'https://dash.example.org' },
    },
  });
});
after(() => service.stop());

interface Wish {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object | string;
  readonly path?: string;
}

const answered = (status: number, route = INITIATE) =>
  `http_server_request_duration_seconds_count{method="POST",route="${route}",status_code="${status}"}`;
const outcome = (name: string) => `upload_initiate_total{outcome="${name}"}`;
const failure = (scheme: string, reason: string) =>
  `auth_failures_total{scheme="${scheme}",reason="${reason}"}`;
const ADMISSION = 'quota_admission_duration_seconds_count';

const good = (size = 1000, more: object = {}) => ({
  dashboard_context: { source_section: 'metrics', workflow_type: 'single_upload' },
  expected_file_size: size,
  ...more,
});
const bearer = (user: string, permissions?: readonly string[]) => ({
  authorization: `Bearer ${service.token({ user, ...(permissions && { permissions }) })}`,
});
const cookie = (content: object) => ({
  cookie: `session=${signFlaskCookie(content, { secret: FLASK_SECRET_KEY })}`,
});
const tus = { 'tus-resumable': '1.0.0' };

/** What one new user sends, one after the other, and what that moves. */
const CASES: Readonly<Record<string, { wishes: (user: string) => readonly Wish[]; moves: Moves }>> = {
  accepted: {
    wishes: (user) => [{ headers: bearer(user), body: good() }],
    moves: { [outcome('accepted')]: 1, [answered(201)]: 1, [ADMISSION]: 1 },
  },
  'asked again with the same key': {
    wishes: (user) => {
      const wish = { headers: { ...bearer(user), 'idempotency-key': 'once' }, body: good() };
      return [wish, wish];
    },
    moves: { [outcome('accepted')]: 1, [outcome('replayed')]: 1, [answered(201)]: 2, [ADMISSION]: 2 },
  },
  'another body under the same key': {
    wishes: (user) => {
      const headers = { ...bearer(user), 'idempotency-key': 'once' };
      return [
        { headers, body: good() },
        { headers, body: good(2000) },
      ];
    },
    moves: {
      ...{ [outcome('accepted')]: 1, [outcome('idempotency_key_reused')]: 1, [ADMISSION]: 2 },
      ...{ [answered(201)]: 1, [answered(422)]: 1 },
    },
  },
  'over the quota': {
    wishes: (user) => [
      { headers: bearer(user), body: good(MAX_BYTES) },
      { headers: bearer(user), body: good(MAX_BYTES) },
    ],
    moves: {
      ...{ [outcome('accepted')]: 1, [outcome('quota_exceeded')]: 1, [ADMISSION]: 2 },
      ...{ [answered(201)]: 1, [answered(429)]: 1 },
    },
  },
  'too many sessions': {
    wishes: (user) => [1, 2, 3].map(() => ({ headers: bearer(user), body: good() })),
    moves: {
      ...{ [outcome('accepted')]: 2, [outcome('session_limit_exceeded')]: 1, [ADMISSION]: 3 },
      ...{ [answered(201)]: 2, [answered(429)]: 1 },
    },
  },
  'too often': {
    wishes: (user) => [1, 2, 3, 4].map(() => ({ headers: bearer(user), body: {} })),
    moves: {
      ...{ [outcome('invalid_request')]: 3, [outcome('rate_limited')]: 1 },
      ...{ [answered(400)]: 3, [answered(429)]: 1 },
    },
  },
  'too large': {
    wishes: (user) => [{ headers: bearer(user), body: good(MAX_BYTES + 1) }],
    moves: { [outcome('file_too_large')]: 1, [answered(413)]: 1 },
  },
  'of a format that is not taken': {
    wishes: (user) => [{ headers: bearer(user), body: good(1000, { file_format: 'exe' }) }],
    moves: { [outcome('unsupported_format')]: 1, [answered(415)]: 1 },
  },
  'no JSON': {
    wishes: (user) => [{ headers: bearer(user), body: '{' }],
    moves: { [outcome('invalid_request')]: 1, [answered(400)]: 1 },
  },
  'of another media type': {
    wishes: (user) => [{ headers: { ...bearer(user), 'content-type': 'text/plain' }, body: 'hello' }],
    moves: { [outcome('unsupported_media_type')]: 1, [answered(415)]: 1 },
  },
  'without credentials': {
    wishes: () => [{ body: good() }],
    moves: {
      ...{ [outcome('unauthenticated')]: 1, [answered(401)]: 1 },
      [failure('none', 'missing_credentials')]: 1,
    },
  },
  'with a forged token': {
    wishes: (user) => [{ headers: { authorization: `${bearer(user).authorization}x` }, body: good() }],
    moves: {
      ...{ [outcome('unauthenticated')]: 1, [answered(401)]: 1 },
      [failure('bearer', 'invalid_token')]: 1,
    },
  },
  'with something that is no token': {
    wishes: () => [{ headers: { authorization: 'Basic dXNlcjpwYXNz' }, body: good() }],
    moves: {
      ...{ [outcome('unauthenticated')]: 1, [answered(401)]: 1 },
      [failure('bearer', 'invalid_request')]: 1,
    },
  },
  'without the permission': {
    wishes: (user) => [{ headers: bearer(user, ['upload_files']), body: good() }],
    moves: {
      ...{ [outcome('permission_denied')]: 1, [answered(403)]: 1 },
      [failure('bearer', 'missing_permission')]: 1,
    },
  },
  'with a cookie that nobody signed': {
    wishes: () => [{ headers: { cookie: 'session=e30.aaaaaa.bbbbbb' }, body: good() }],
    moves: {
      ...{ [outcome('unauthenticated')]: 1, [answered(401)]: 1 },
      [failure('cookie', 'invalid_cookie')]: 1,
    },
  },
  'with a cookie, from another site': {
    wishes: (user) => [
      {
        headers: { ...cookie({ user_id: user, authenticated: true }), origin: 'https://evil.example' },
        body: good(),
      },
    ],
    moves: {
      ...{ [outcome('cross_site_request')]: 1, [answered(403)]: 1 },
      [failure('cookie', 'cross_site')]: 1,
    },
  },
  'by tus': {
    wishes: (user) => [{ path: UPLOADS, headers: { ...bearer(user), ...tus, 'upload-length': '1000' } }],
    moves: { [outcome('accepted')]: 1, [answered(201, UPLOADS)]: 1, [ADMISSION]: 1 },
  },
  'by tus, too large': {
    wishes: (user) => [
      { path: UPLOADS, headers: { ...bearer(user), ...tus, 'upload-length': String(MAX_BYTES + 1) } },
    ],
    moves: { [outcome('file_too_large')]: 1, [answered(413, UPLOADS)]: 1 },
  },
  'by the draft of the IETF, without credentials': {
    wishes: () => [{ path: UPLOADS, headers: { 'upload-complete': '?0', 'upload-length': '1000' } }],
    moves: {
      ...{ [outcome('unauthenticated')]: 1, [answered(401, UPLOADS)]: 1 },
      [failure('none', 'missing_credentials')]: 1,
    },
  },
};

async function send({ path = INITIATE, headers = {}, body }: Wish): Promise<void> {
  const response = await fetch(new URL(path, service.url), {
    method: 'POST',
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  await response.text();
}

for (const [name, { wishes, moves }] of Object.entries(CASES)) {
  test(`a wish for a session is counted once: ${name}`, async () => {
    await assertMoves(service.url, moves, async () => {
      for (const wish of wishes(randomUUID())) await send(wish);
    });
  });
}

test('a wish for a session is counted once: its client goes away in the middle of it', async () => {
  const lost = `http_server_request_duration_seconds_count{method="POST",route="${INITIATE}",status_code="aborted"}`;
  await assertMoves(service.url, { [outcome('aborted')]: 1, [lost]: 1 }, async () => {
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    const { authorization } = bearer(randomUUID());
    socket.write(
      `POST ${INITIATE} HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nContent-Length: 500\r\nExpect: 100-continue\r\n\r\n`,
    );
    // The service has begun with the request once it asks for the rest.
    await once(socket, 'data');
    socket.destroy();
  });
});
