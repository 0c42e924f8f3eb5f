import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Type } from 'typebox';
import { createValidatorCompiler } from '../../src/http/validation.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';
import { context, P, stateOf, target } from './target.ts';

/** Bodies that want to cost more than they say, or to mean two things. */

const victim = target();
const { call } = victim;
const CONTEXT = JSON.stringify(context);
const send = (body: string | Uint8Array<ArrayBuffer>, type = 'application/json') =>
  call(`${P}/initiate`, { method: 'POST', body, headers: { 'content-type': type } });
const nested = (depth: number, open = '[', close = ']') => open.repeat(depth) + close.repeat(depth);

const BAD: Readonly<Record<string, string | Uint8Array<ArrayBuffer>>> = {
  '2 MB': `{"dashboard_context":${CONTEXT},"x":"${'x'.repeat(2_000_000)}"}`,
  'depth 100 000': nested(100_000),
  'depth 100 000 of objects': `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`,
  'depth 200 in metadata': `{"dashboard_context":{"source_section":"x","workflow_type":"single_upload","metadata":{"a":${nested(200)}}}}`,
  '100 000 members': `{"dashboard_context":{"source_section":"x","workflow_type":"single_upload","metadata":{${Array.from({ length: 100_000 }, (_, n) => `"k${n}":${n}`).join()}}}}`,
  'a context of 17 KiB': `{"dashboard_context":{"source_section":"x","workflow_type":"single_upload","metadata":{"a":"${'x'.repeat(17_000)}"}}}`,
  __proto__: `{"__proto__":{"isAdmin":true},"dashboard_context":${CONTEXT}}`,
  '__proto__ spelled with an escape': `{"\\u005f_proto__":{"isAdmin":true},"dashboard_context":${CONTEXT}}`,
  '__proto__ in the metadata':
    '{"dashboard_context":{"source_section":"x","workflow_type":"single_upload","metadata":{"__proto__":{"a":1}}}}',
  'constructor.prototype': `{"constructor":{"prototype":{"a":1}},"dashboard_context":${CONTEXT}}`,
  'a byte order mark': `\ufeff{"dashboard_context":${CONTEXT},"expected_file_size":"x"}`,
  'UTF-16': new Uint8Array(Buffer.from(`{"dashboard_context":${CONTEXT}}`, 'utf16le')),
  'overlong UTF-8': new Uint8Array(
    Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')]),
  ),
  'half a character': new Uint8Array(
    Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xe2, 0x82]), Buffer.from('"}')]),
  ),
  'two values': `{"dashboard_context":${CONTEXT}}{"dashboard_context":${CONTEXT}}`,
  NaN: `{"dashboard_context":${CONTEXT},"expected_file_size":NaN}`,
  'a comment': `{"dashboard_context":${CONTEXT}/* x */}`,
  'a comma at the end': `{"dashboard_context":${CONTEXT},}`,
  'single quotes': "{'dashboard_context':{}}",
  'NUL behind it': `{"dashboard_context":${CONTEXT}}\0`,
  'only blanks': ' '.repeat(1000),
  'a section that is only blanks, of all kinds':
    '{"dashboard_context":{"source_section":"\\u00a0\\u2003\\ufeff","workflow_type":"single_upload"}}',
};

for (const [name, body] of Object.entries(BAD)) {
  test(`a body with ${name}: 400 at once, and nothing is made`, async () => {
    const before = await stateOf(victim);
    const elapsedMs = startStopwatch();
    const { status, body: problem } = await send(body);
    assert.deepEqual([status, problem.error_code], [400, 'INVALID_REQUEST']);
    assert.ok(elapsedMs() < 2000, 'it costs no time');
    assert.ok(JSON.stringify(problem).length < 10_000, 'the answer does not grow with the question');
    assert.deepEqual(await stateOf(victim), before);
  });
}

const NUMBERS = [
  '0',
  '-0',
  '-1',
  '1.5',
  '1e-9',
  '"1"',
  '1e99',
  '1e400',
  '-1e400',
  '9007199254740993',
  '18446744073709551617',
  'true',
  '[]',
  '[1]',
  '{}',
];

for (const number of NUMBERS) {
  test(`a size of ${number} is 400`, async () => {
    const { status, body } = await send(`{"dashboard_context":${CONTEXT},"expected_file_size":${number}}`);
    assert.deepEqual([status, body.error_code], [400, 'INVALID_REQUEST']);
  });
}

test('of a key that comes twice the last one counts, in what is checked and in what is kept', async () => {
  const checked = await send(
    `{"dashboard_context":${CONTEXT},"expected_file_size":5,"expected_file_size":"x"}`,
  );
  assert.equal(checked.status, 400);
  const other = '{"source_section":"second","workflow_type":"single_upload"}';
  const kept = await send(
    `{"dashboard_context":${CONTEXT},"expected_file_size":7,"dashboard_context":${other}}`,
  );
  assert.equal(kept.status, 201);
  assert.equal(kept.body.dashboard_context.source_section, 'second');
  const escaped = await send(
    `{"dashboard_context":${CONTEXT},"expected_file_size":7,"dashboard\\u005fcontext":${other}}`,
  );
  assert.equal(escaped.body.dashboard_context.source_section, 'second');
  for (const { body } of [kept, escaped])
    victim.keepSecret(new URL(body.upload_url).searchParams.get('token') ?? '');
});

test('a duplicate key within the context comes back as it was sent, and cannot smuggle past the check', async () => {
  const twice = '{"source_section":"x","workflow_type":"single_upload","workflow_type":"no such type"}';
  assert.equal((await send(`{"dashboard_context":${twice}}`)).status, 400);
});

test('other content types are 415, and a charset that lies changes nothing', async () => {
  const body = `{"dashboard_context":${CONTEXT}}`;
  for (const type of [
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'application/json5',
    'application/jsonp',
    'text/json; charset=utf-8',
    '*/*',
  ]) {
    assert.equal((await send(body, type)).status, 415, type);
  }
});

test('whoever may send parts cannot make the service compare a number with all others', async () => {
  const { path, token } = await victim.session();
  const sign = (numbers: readonly number[], space?: number) =>
    call(`${path}/parts?token=${token}`, {
      method: 'POST',
      token: null,
      body: JSON.stringify({ part_numbers: numbers }, null, space),
      headers: { 'content-type': 'application/json' },
    });
  const elapsedMs = startStopwatch();
  const flood = await sign(Array.from({ length: 60_000 }, () => 1));
  assert.deepEqual([flood.status, flood.body.error_code], [400, 'INVALID_REQUEST']);
  assert.ok(elapsedMs() < 2000, 'it costs no time');

  const twice = await sign([1, 2, 1]);
  assert.equal(twice.status, 400);
  assert.deepEqual(twice.body.details.errors, [
    { path: '/part_numbers', message: 'must not have duplicate items' },
  ]);
  const most = await sign(
    Array.from({ length: 1000 }, (_, n) => 9001 + n),
    4,
  );
  assert.equal(most.status, 409, 'as many as one may ask for, however they are written, are looked at');
});

test("strangers are refused on Uppy's routes before their body is read, and where it names the upload it is small", async () => {
  const announce = async (path: string, length: number) => {
    const answer = await victim.raw(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`,
    );
    return answer.match(/^HTTP\/1\.1 (\d+) .*"error_code":"(\w+)"/s)?.slice(1);
  };
  const multipart = '/v1/uploads/s3/multipart';
  const { id } = await victim.session();
  const unknown = '12345678-1234-4678-9012-123456789012';
  assert.deepEqual(await announce(`${multipart}/${unknown}/complete?key=x`, 1_000_000), [
    '404',
    'SESSION_NOT_FOUND',
  ]);
  for (const query of ['?key=x', '?key=', '', '?key=x&key=y']) {
    assert.deepEqual(await announce(`${multipart}/${id}/complete${query}`, 1_000_000), [
      '403',
      'UNAUTHORIZED_ACCESS',
    ]);
  }
  assert.deepEqual(await announce(`${multipart}/x/complete?key=x`, 1_000_000), ['400', 'INVALID_REQUEST']);
  assert.deepEqual(await announce(multipart, 9000), ['400', 'INVALID_REQUEST']);
});

test('of a list that is too long nobody looks at more than it may have', () => {
  let looks = 0;
  const entry = {
    get number() {
      looks += 1;
      return 1;
    },
  };
  const list = Type.Array(Type.Object({ number: Type.Integer() }), { maxItems: 10 });
  const schema = Type.Object({ lists: Type.Array(Type.Object({ list }), { maxItems: 10 }) });
  const validate = createValidatorCompiler()({ schema, method: 'POST', url: '/', httpPart: 'body' });
  const lists = Array.from({ length: 1000 }, () => ({ list: Array.from({ length: 1000 }, () => entry) }));
  const outcome: unknown = validate({ lists });
  assert.ok(outcome instanceof Object && 'error' in outcome && outcome.error instanceof Error);
  assert.match(outcome.error.message, /more than 10 items/);
  assert.ok(looks < 1000, `${looks} looks`);
});

test('nothing of all that has changed what objects are', async () => {
  const { status, body } = await call(`${P}/cleanup`, { method: 'POST' });
  assert.deepEqual([status, body.error_code], [403, 'PERMISSION_DENIED']);
  const health = await call(`${P}/health`, { token: null });
  assert.equal(health.body.isAdmin, undefined);
});
