import assert from 'node:assert/strict';
import { APPEND, assertRefused, type Context, FILE, IETF, type User } from '../context.ts';
import type { Headers } from '../line.ts';
import { draft, type Row, rule } from '../row.ts';
import { createdUpload } from './creation.ts';

const NOTHING = Buffer.alloc(0);

function create({ send }: Context, user: User, headers: Headers, body: Uint8Array = NOTHING) {
  return send('POST', '/v1/uploads', { ...IETF, authorization: user.authorization, ...headers }, body);
}

/** Creation on the collection, and first requests on the resource itself. */
export const IETF_CREATION_ROWS: readonly Row[] = [
  {
    promise: 'POST with ?1 and the whole file gets the final answer',
    section: draft('4.2.2, Appendix example A'),
    async run(context) {
      const user = context.user();
      const name = { 'content-disposition': `inline; filename*=UTF-8''F%C3%A4hre.mp4` };
      const answer = await create(context, user, { 'upload-complete': '?1', ...name }, FILE);
      assert.deepEqual([answer.headers['upload-complete'], answer.json().status], ['?1', 'completed']);
      assert.equal(answer.json().filename, 'Fähre.mp4');
      await context.assertCompleted(createdUpload(answer, user));
    },
  },
  {
    promise: 'POST with ?0 creates: 201, Location, limits, whether bytes come with it or not',
    section: draft('4.2.2'),
    async run(context) {
      for (const first of [0, 40_000]) {
        const user = context.user();
        const headers = { 'upload-complete': '?0', 'upload-length': FILE.length };
        const answer = await create(context, user, headers, FILE.subarray(0, first));
        const upload = createdUpload(answer, user);
        assert.deepEqual(
          [answer.headers['upload-complete'], answer.headers['upload-offset']],
          ['?0', String(first)],
        );
        assert.match(answer.headers['upload-limit'] ?? '', /max-size=150000/);
        const rest = { ...APPEND, 'upload-offset': first, 'upload-complete': '?1' };
        const last = await context.send('PATCH', upload.target, rest, FILE.subarray(first));
        assert.deepEqual([last.status, last.headers['upload-complete']], [201, '?1']);
        await context.assertCompleted(upload);
      }
    },
  },
  {
    promise: 'a creation of unknown length takes any, and tells none',
    section: draft('4.1.3'),
    async run(context) {
      const user = context.user();
      const upload = createdUpload(await create(context, user, { 'upload-complete': '?0' }), user);
      const head = await context.send('HEAD', upload.target, IETF);
      assert.equal(head.headers['upload-length'], undefined);
      const all = { ...APPEND, 'upload-offset': 0, 'upload-complete': '?1', 'transfer-encoding': 'chunked' };
      assert.equal((await context.send('PATCH', upload.target, all, FILE)).status, 201);
      await context.assertCompleted(upload);
    },
  },
  {
    promise: 'right after admission a 104 tells Location and limits, which the final answer repeats',
    section: draft('4.2.2, 5'),
    async run(context) {
      const user = context.user();
      const one = context.line();
      await one.begin('POST', '/v1/uploads', {
        ...IETF,
        authorization: user.authorization,
        'upload-complete': '?1',
        'content-length': FILE.length,
      });
      // Not one byte of the body has been sent.
      await new Promise((resolve) => one.raw.socket.once('data', resolve));
      await one.send(FILE);
      const answer = await one.answer();
      const [first] = one.raw.interimHeaders;
      assert.equal(one.raw.interim[0], 104);
      assert.equal(first?.location, answer.headers.location);
      assert.match(first?.['upload-limit'] ?? '', /max-size/);
      assert.equal(first?.['upload-draft-interop-version'], '8');
      one.cut();
      await context.assertCompleted(createdUpload(answer, user));
    },
  },
  {
    promise: 'a client that was cut after the 104 resumes at its Location',
    section: draft('4.2.1, 11.1'),
    async run(context) {
      const user = context.user();
      const one = context.line();
      await one.begin('POST', '/v1/uploads', {
        ...IETF,
        authorization: user.authorization,
        'upload-complete': '?1',
        'content-length': FILE.length,
      });
      const seen = await new Promise<Buffer>((resolve) => one.raw.socket.once('data', resolve));
      const location = /^location: (.*)$/im.exec(seen.toString())?.[1]?.trim() ?? '';
      await one.send(FILE.subarray(0, 77_777));
      one.raw.hangUp();
      const { pathname, search } = new URL(location, 'http://relative');
      const upload = { id: pathname.slice(-36), target: pathname + search, user };
      await context.reaches(upload, 77_777);
      const rest = { ...APPEND, 'upload-offset': 77_777, 'upload-complete': '?1' };
      const last = await context.send('PATCH', upload.target, rest, FILE.subarray(77_777));
      assert.equal(last.status, 201);
      await context.assertCompleted(upload);
    },
  },
  {
    promise: 'a version that is not ours, or none, gets no 104',
    section: draft('Draft Version Identification'),
    async run(context) {
      for (const version of [
        {},
        { 'upload-draft-interop-version': 2 },
        { 'upload-draft-interop-version': 9 },
      ]) {
        const user = context.user();
        const one = context.line();
        const headers = { authorization: user.authorization, 'upload-complete': '?1' };
        await one.begin('POST', '/v1/uploads', { ...version, ...headers, 'content-length': FILE.length });
        await one.send(FILE);
        assert.equal((await one.answer()).status, 201);
        assert.deepEqual(one.raw.interim, []);
        one.cut();
      }
    },
  },
  {
    promise: 'the first request may go to the resource itself, by PUT or POST, with ?0 or ?1',
    section: draft('4.2.1, "from any request that can carry content"'),
    async run(context) {
      for (const method of ['PUT', 'POST']) {
        const whole = await context.session();
        const one = await context.send(method, whole.target, { ...IETF, 'upload-complete': '?1' }, FILE);
        assert.deepEqual([one.status, one.headers['upload-complete']], [201, '?1']);
        await context.assertCompleted(whole);
        const part = await context.session();
        const first = { ...IETF, 'upload-complete': '?0' };
        const two = await context.send(method, part.target, first, FILE.subarray(0, 50_000));
        assert.deepEqual([two.status, two.headers['upload-offset']], [201, '50000']);
        assert.ok(two.headers.location?.endsWith(part.target));
        await context.finish(part);
      }
    },
  },
  {
    promise:
      'a creation is refused over size with its limits, empty, contradictory, by nobody: nothing is created',
    section: `${draft('4.1.4, 7.2')}; ${rule('creation is the admission of initiate')}`,
    async run(context) {
      const user = context.user();
      const large = { 'upload-complete': '?0', 'upload-length': 10 ** 12 };
      const rows: [Headers, Uint8Array, number, string][] = [
        [large, NOTHING, 413, 'FILE_TOO_LARGE'],
        [{ 'upload-complete': '?1' }, NOTHING, 415, 'UNSUPPORTED_FORMAT'],
        [{ 'upload-complete': '?1', 'upload-length': 7 }, FILE, 400, 'INVALID_REQUEST'],
        [{ 'upload-complete': 'yes' }, FILE, 400, 'INVALID_REQUEST'],
        [{ 'upload-complete': '?1', authorization: 'Bearer nonsense' }, FILE, 401, 'UNAUTHENTICATED'],
      ];
      for (const [headers, body, status, code] of rows) {
        assertRefused(await create(context, user, headers, body), status, code);
      }
      assert.match((await create(context, user, large)).headers['upload-limit'] ?? '', /max-size=\d+/);
      assert.deepEqual(await context.quota(user), { used: 0, reserved: 0 });
    },
  },
];
