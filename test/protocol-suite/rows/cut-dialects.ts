import assert from 'node:assert/strict';
import { once } from 'node:events';
import { until } from '../../e2e/until.ts';
import { chunked } from '../../protocols/raw-http.ts';
import { APPEND, BEGUN, type Context, FILE, IETF, PATCH, TUS, type Upload } from '../context.ts';
import type { Headers } from '../line.ts';
import { draft, type Row, rule, tus } from '../row.ts';

/** Bytes that are sent of a request that has more. */
const SENT = 44_444;

interface Request {
  readonly method: string;
  readonly headers: Headers;
  /** Where its bytes begin in FILE. */
  readonly from: number;
}

/** Every kind of request that brings bytes to a session, in both framings where they mean the same. */
const REQUESTS: Readonly<Record<string, Request>> = {
  'a PUT': { method: 'PUT', headers: {}, from: 0 },
  'an IETF PUT': { method: 'PUT', headers: { ...IETF, 'upload-complete': '?1' }, from: 0 },
  'an IETF POST': { method: 'POST', headers: { ...IETF, 'upload-complete': '?0' }, from: 0 },
  'an IETF append': {
    method: 'PATCH',
    headers: { ...APPEND, 'upload-offset': BEGUN, 'upload-complete': '?1' },
    from: BEGUN,
  },
  'a tus POST': {
    method: 'POST',
    headers: { ...PATCH, 'upload-offset': BEGUN, 'x-http-method-override': 'PATCH' },
    from: BEGUN,
  },
};

const cuts = Object.entries(REQUESTS).flatMap(([name, request]): Row[] =>
  (['a length', 'chunks'] as const).map((framing) => ({
    promise: `${name} with ${framing} that is cut, or whose client closes its side early, is not complete and keeps its bytes`,
    section: `${rule('Offset')}; RFC 9112, section 8; ${draft('4.2.2, 4.4.2')}`,
    run: (context) => cutAndResume(context, request, framing),
  })),
);

async function cutAndResume(context: Context, { method, headers, from }: Request, framing: string) {
  const upload = await (from === 0 ? context.session() : context.begun());
  const one = context.line();
  const body = FILE.subarray(from, from + SENT);
  const inChunks = framing === 'chunks';
  const frame = inChunks ? { 'transfer-encoding': 'chunked' } : { 'content-length': FILE.length - from };
  await one.begin(method, upload.target, { ...headers, ...frame });
  await one.send(inChunks ? chunked(body, { end: false }) : body);
  one.raw.hangUp();
  await one.raw.closed;
  await context.reaches(upload, from + SENT);
  assert.equal((await context.status(upload)).status, 'active');
  await context.finish(upload);
}

/** The upload that a user has begun without having been told so. */
async function onlyUploadOf(context: Context, user: Upload['user']): Promise<Upload> {
  let found: readonly { session_id: string; upload_url: string }[] = [];
  await until('it is created', async () => {
    found = JSON.parse((await context.json(user, 'GET', 'sessions')).text);
    return found.length > 0;
  });
  assert.equal(found.length, 1);
  const { pathname, search } = new URL(found[0]?.upload_url ?? '', 'http://relative');
  return { id: found[0]?.session_id ?? '', target: pathname + search, user };
}

/** Requests of each dialect that are cut; uploads that are asked for with Expect: 100-continue. */
export const CUT_DIALECT_ROWS: readonly Row[] = [
  ...cuts,
  {
    promise: 'a creation that is cut keeps its bytes and its length; both are there for who finds the upload',
    section: `${tus('Creation With Upload')}; ${draft('4.2.2, "append as much of the request content as possible"')}`,
    async run(context) {
      for (const headers of [
        { ...PATCH, 'upload-length': FILE.length },
        { ...IETF, 'upload-complete': '?1' },
      ]) {
        const user = context.user();
        const one = context.line();
        const all = { ...headers, authorization: user.authorization, 'content-length': FILE.length };
        await one.begin('POST', '/v1/uploads', all);
        await one.send(FILE.subarray(0, SENT));
        one.raw.hangUp();
        const upload = await onlyUploadOf(context, user);
        await context.reaches(upload, SENT);
        const head = await context.send('HEAD', upload.target, TUS);
        assert.equal(head.headers['upload-length'], String(FILE.length));
        assert.deepEqual(await context.quota(user), { used: 0, reserved: FILE.length });
        await context.finish(upload);
      }
    },
  },
  {
    promise: 'Expect: 100-continue is answered in every dialect, on creation too, and before any byte',
    section: `RFC 9110, section 10.1.1; ${draft('5')}`,
    async run(context) {
      const user = context.user();
      const create = { authorization: user.authorization };
      const whole = { ...IETF, 'upload-complete': '?1' };
      const begun = { 'upload-offset': BEGUN };
      for (const [method, headers, from] of [
        ['PUT', {}, 0],
        ['PUT', whole, 0],
        ['PATCH', { ...PATCH, ...begun }, BEGUN],
        ['PATCH', { ...APPEND, ...begun, 'upload-complete': '?1' }, BEGUN],
        ['POST', { ...create, ...PATCH, 'upload-length': FILE.length }, null],
        ['POST', { ...create, ...whole }, null],
      ] as const) {
        const upload = from === null ? null : await (from === 0 ? context.session() : context.begun());
        const body = FILE.subarray(from ?? 0);
        const one = context.line();
        const expecting = { ...headers, expect: '100-continue', 'content-length': body.length };
        await one.begin(method, upload?.target ?? '/v1/uploads', expecting);
        await once(one.raw.socket, 'data');
        await one.send(body);
        const { status, text } = await one.answer();
        assert.ok(status === 201 || status === 204, `${method} ${JSON.stringify(headers)}: ${text}`);
        assert.equal(one.raw.interim.filter((code) => code === 100).length, 1);
        one.cut();
        if (upload) await context.assertCompleted(upload);
      }
      assert.deepEqual(await context.quota(user), { used: 2 * FILE.length, reserved: 0 });
    },
  },
  {
    promise: 'a creation that will be refused is refused before its bytes are asked for',
    section: 'RFC 9110, section 10.1.1',
    async run(context) {
      const user = context.user();
      const asking = { expect: '100-continue', 'content-length': 5_000_000_000 };
      for (const [headers, status] of [
        [{ ...PATCH, 'upload-length': 5_000_000_000 }, 413],
        [{ ...PATCH, 'upload-length': FILE.length, authorization: 'Bearer nonsense' }, 401],
        [{ ...IETF, 'upload-complete': '?1' }, 413],
        [{ ...IETF, 'upload-complete': '?1', authorization: 'Bearer nonsense' }, 401],
      ] as const) {
        const one = context.line();
        await one.begin('POST', '/v1/uploads', { authorization: user.authorization, ...headers, ...asking });
        assert.equal((await one.answer()).status, status);
        assert.deepEqual(one.raw.interim, []);
        await one.raw.closed;
      }
      assert.deepEqual(await context.quota(user), { used: 0, reserved: 0 });
    },
  },
];
