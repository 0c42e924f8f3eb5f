import { randomUUID } from 'node:crypto';
import { initiateBody, P, type TestRequest } from '../helpers/app.ts';

/** A request that must be refused, and change nothing: no quota, no session, no file. */
export interface BadRequest {
  readonly name: string;
  readonly path: string;
  readonly request: TestRequest;
  readonly status: number;
  readonly code: string;
  /** Paths that `details.errors` must list. */
  readonly faults?: readonly string[];
}

const INITIATE = `${P}/initiate`;
const context = { source_section: 'video_analysis', workflow_type: 'single_upload' };
const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const raw = (body: string, contentType = 'application/json'): TestRequest => ({
  method: 'POST',
  body,
  headers: { 'content-type': contentType },
});

const bodies: readonly (readonly [name: string, request: TestRequest, ...faults: string[]])[] = [
  ['a body that is not JSON', raw('{"dashboard_context":'), ''],
  ['a body that is no JSON at all', raw('hello'), ''],
  ['no body', { method: 'POST' }, ''],
  ['an empty body', raw(''), ''],
  ['a string', raw('"text"'), ''],
  ['null', raw('null'), ''],
  ['an array', raw('[]'), ''],
  ['2 MB of JSON', raw(JSON.stringify(initiateBody({ filler: 'x'.repeat(2_000_000) }))), ''],
  ['depth 1 000', raw(`{"dashboard_context":${nested(1000)}}`), ''],
  ['depth 1 000 in metadata', raw(`{"dashboard_context":{"metadata":{"a":${nested(1000)}}}}`), ''],
  ['depth 100 000', raw(nested(100_000)), ''],
  ['__proto__', raw(`{"__proto__":{"admin":true},"dashboard_context":${JSON.stringify(context)}}`), ''],
  ['__proto__ deep inside', raw('{"dashboard_context":{"metadata":{"__proto__":{"a":1}}}}'), ''],
  ['constructor.prototype', raw('{"constructor":{"prototype":{"a":1}}}'), ''],
  ['bytes that are not UTF-8', { ...raw(''), body: Buffer.from('7b22612222ff7d', 'hex') }, ''],
  ['an empty object', { json: {} }, '/dashboard_context'],
  ['a context that is no object', { json: { dashboard_context: 'x' } }, '/dashboard_context'],
  [
    'a context without its members',
    { json: { dashboard_context: {} } },
    '/dashboard_context/source_section',
    '/dashboard_context/workflow_type',
  ],
  ...['', '   ', '\t\n', 'x'.repeat(65), 7, null].map(
    (section) =>
      [
        `source_section ${JSON.stringify(section).slice(0, 12)}`,
        { json: initiateBody({ dashboard_context: { ...context, source_section: section } }) },
        '/dashboard_context/source_section',
      ] as const,
  ),
  ...['mass_upload', 'SINGLE_UPLOAD', '', null, 1].map(
    (type) =>
      [
        `workflow_type ${JSON.stringify(type)}`,
        { json: initiateBody({ dashboard_context: { ...context, workflow_type: type } }) },
        '/dashboard_context/workflow_type',
      ] as const,
  ),
  [
    'user_preferences that are a list',
    { json: initiateBody({ dashboard_context: { ...context, user_preferences: [] } }) },
    '/dashboard_context/user_preferences',
  ],
  [
    'metadata that is text',
    { json: initiateBody({ dashboard_context: { ...context, metadata: 'x' } }) },
    '/dashboard_context/metadata',
  ],
  [
    'a context over 16 KiB',
    { json: initiateBody({ dashboard_context: { ...context, metadata: { a: 'x'.repeat(16_384) } } }) },
    '/dashboard_context',
  ],
  ...['0', '-1', '1.5', '"1"', '1e99', '9007199254740993', 'true', '[]', '1e400'].map(
    (size) =>
      [
        `expected_file_size ${size}`,
        raw(`{"dashboard_context":${JSON.stringify(context)},"expected_file_size":${size}}`),
        '/expected_file_size',
      ] as const,
  ),
  ['a file_format that is a number', { json: initiateBody({ file_format: 4 }) }, '/file_format'],
  ['a filename with NUL', { json: initiateBody({ filename: 'a\u0000.mp4' }) }, '/filename'],
  ['a filename with CRLF', { json: initiateBody({ filename: 'a\r\nSet-Cookie: x' }) }, '/filename'],
  ['a filename of 5 KB', { json: initiateBody({ filename: 'x'.repeat(5120) }) }, '/filename'],
  [
    'a filename of half a character',
    raw(`{"dashboard_context":${JSON.stringify(context)},"filename":"\\ud83d"}`),
    '/filename',
  ],
  ['a sha256 that is too short', { json: initiateBody({ sha256: 'ab'.repeat(31) }) }, '/sha256'],
  ['a sha256 that is not hex', { json: initiateBody({ sha256: 'zz'.repeat(32) }) }, '/sha256'],
  [
    'several faults at once',
    { json: initiateBody({ expected_file_size: 0, filename: 'x'.repeat(300), sha256: 'x' }) },
    '/expected_file_size',
    '/filename',
    '/sha256',
  ],
  ...['has blank', 'x'.repeat(256), ''].map(
    (key) =>
      [
        `Idempotency-Key "${key.slice(0, 10)}"`,
        { json: initiateBody(), headers: { 'idempotency-key': key } },
        'header/idempotency-key',
      ] as const,
  ),
];

export const BAD_REQUESTS: readonly BadRequest[] = [
  ...bodies.map(([name, request, ...faults]) => ({
    name: `initiate with ${name}`,
    path: INITIATE,
    request,
    status: 400,
    code: 'INVALID_REQUEST',
    faults,
  })),
  ...['text/plain', 'application/xml', 'multipart/form-data; boundary=x', 'application/jsonp'].map(
    (type) => ({
      name: `initiate as ${type}`,
      path: INITIATE,
      request: raw(JSON.stringify(initiateBody()), type),
      status: 415,
      code: 'UNSUPPORTED_MEDIA_TYPE',
    }),
  ),
  {
    name: 'initiate over max_file_size',
    path: INITIATE,
    request: { json: initiateBody({ expected_file_size: 524_288_001 }) },
    status: 413,
    code: 'FILE_TOO_LARGE',
  },
  ...['exe', 'mp4 ', '', '../mp4'].map((format) => ({
    name: `initiate with file_format ${JSON.stringify(format)}`,
    path: INITIATE,
    request: { json: initiateBody({ file_format: format }) },
    status: 415,
    code: 'UNSUPPORTED_FORMAT',
  })),
  ...['nope', '123', 'g2345678-1234-5678-9012-123456789012', '%00'].flatMap((id) =>
    ['GET', 'DELETE'].map((method) => ({
      name: `${method} of session ${id}`,
      path: `${P}/sessions/${id}`,
      request: { method },
      status: 400,
      code: 'INVALID_REQUEST',
      faults: ['path/session_id'],
    })),
  ),
  ...['GET', 'DELETE'].map((method) => ({
    name: `${method} of an unknown session`,
    path: `${P}/sessions/${randomUUID()}`,
    request: { method },
    status: 404,
    code: 'SESSION_NOT_FOUND',
  })),
  {
    name: 'validate of ids that are none',
    path: `${P}/validate`,
    request: { json: { session_id: 'x', user_id: 7 } },
    status: 400,
    code: 'INVALID_REQUEST',
    faults: ['/session_id', '/user_id'],
  },
  {
    name: 'validate for another user',
    path: `${P}/validate`,
    request: { json: { session_id: randomUUID(), user_id: randomUUID() } },
    status: 403,
    code: 'PERMISSION_DENIED',
  },
  ...['0', '501', '-1', '1.5', 'x', '1e2', ''].map((limit) => ({
    name: `sessions with limit "${limit}"`,
    path: `${P}/sessions?limit=${limit}`,
    request: {},
    status: 400,
    code: 'INVALID_REQUEST',
    faults: ['query/limit'],
  })),
  {
    name: 'sessions after a cursor nobody gave',
    path: `${P}/sessions?after=abc`,
    request: {},
    status: 400,
    code: 'INVALID_REQUEST',
    faults: ['query/after'],
  },
  {
    name: 'cleanup without manage_quota',
    path: `${P}/cleanup`,
    request: { method: 'POST' },
    status: 403,
    code: 'PERMISSION_DENIED',
  },
  {
    name: 'a quota of another user without manage_quota',
    path: `/v1/admin/users/${randomUUID()}/quota`,
    request: {},
    status: 403,
    code: 'PERMISSION_DENIED',
  },
  { name: 'an unknown address', path: `${P}/nope`, request: {}, status: 404, code: 'NOT_FOUND' },
  {
    name: 'a method that is not offered',
    path: `${P}/quota`,
    request: { method: 'PATCH' },
    status: 405,
    code: 'INVALID_REQUEST',
  },
];
