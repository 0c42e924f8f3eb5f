import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { APPEND, assertRefused, BEGUN, type Context, FILE, IETF, type User } from '../context.ts';
import { append } from '../ietf-append.ts';
import type { Headers } from '../line.ts';
import { draft, type Row, rule } from '../row.ts';
import { createdUpload } from './creation.ts';

const REST = FILE.subarray(BEGUN);
const digest = (bytes: Uint8Array) => `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;

function create({ send }: Context, user: User, headers: Headers, body: Uint8Array) {
  return send('POST', '/v1/uploads', { authorization: user.authorization, ...headers }, body);
}

/** Fields as RFC 9651 has them, and what the versions of the draft call them. */
export const IETF_FIELD_ROWS: readonly Row[] = [
  {
    promise: 'parameters of a field are passed over; a length that is no integer counts as absent',
    section: `${draft('4.1')}; RFC 9651, section 3.3`,
    async run(context) {
      const upload = await context.begun();
      const first = {
        'upload-offset': `${BEGUN};of=bytes`,
        'upload-complete': '?0;x',
        'upload-length': '"7"',
      };
      const part = await append(context, upload, [BEGUN, '?0'], FILE.subarray(BEGUN, 90_000), first);
      assert.equal(part.status, 204, part.text);
      const last = { 'upload-length': `${FILE.length - 1}.0` };
      const done = await append(context, upload, [90_000, '?1'], FILE.subarray(90_000), last);
      assert.equal(done.status, 201, done.text);
      await context.assertCompleted(upload);
    },
  },
  {
    promise: 'a creation with ?1 in chunks, of a length nobody tells, gets the final answer',
    section: draft('4.1.3, "the server might not know the length until the upload is complete"'),
    async run(context) {
      const user = context.user();
      const headers = { ...IETF, 'upload-complete': '?1', 'transfer-encoding': 'chunked' };
      const answer = await create(context, user, headers, FILE);
      assert.deepEqual([answer.status, answer.headers['upload-complete']], [201, '?1']);
      await context.assertCompleted(createdUpload(answer, user));
    },
  },
  {
    promise: 'versions 3 to 7 create with their own names',
    section: `${draft('Draft Version Identification')}; -01 (Upload-Incomplete)`,
    async run(context) {
      for (const version of [3, 4, 5, 6, 7]) {
        const user = context.user();
        const [name, no, yes] =
          version === 3 ? ['upload-incomplete', '?1', '?0'] : ['upload-complete', '?0', '?1'];
        const ask = { 'upload-draft-interop-version': version };
        const first = await create(context, user, { ...ask, [name]: no }, FILE.subarray(0, BEGUN));
        assert.equal(first.headers[name], no, `version ${version}`);
        const upload = createdUpload(first, user);
        const rest = { ...APPEND, ...ask, 'upload-offset': BEGUN, [name]: yes };
        const last = await context.send('PATCH', upload.target, rest, REST);
        assert.deepEqual([last.status, last.headers[name]], [201, yes], `version ${version}`);
        await context.assertCompleted(upload);
      }
    },
  },
  {
    promise: 'each version from 3 to 8 is told of its own in the 104',
    section: draft('Draft Version Identification, "MUST also send"'),
    async run(context) {
      for (const version of [3, 4, 5, 6, 7, 8]) {
        const user = context.user();
        const one = context.line();
        await one.begin('POST', '/v1/uploads', {
          'upload-draft-interop-version': version,
          authorization: user.authorization,
          [version === 3 ? 'upload-incomplete' : 'upload-complete']: version === 3 ? '?0' : '?1',
          'content-length': FILE.length,
        });
        await one.send(FILE);
        assert.equal((await one.answer()).status, 201);
        const told = one.raw.interimHeaders.map((hint) => hint['upload-draft-interop-version']);
        assert.equal(told[0], String(version));
        assert.deepEqual([...new Set(told)], [String(version)]);
        one.cut();
      }
    },
  },
  {
    promise: 'who names no version asks in plain HTTP, and is told completeness and limits as well',
    section: draft('4.3.1, 4.3.2'),
    async run(context) {
      const upload = await context.begun();
      for (const method of ['HEAD', 'GET']) {
        const { headers } = await context.send(method, upload.target);
        assert.deepEqual(
          [headers['upload-offset'], headers['upload-complete'], headers['upload-length']],
          [String(BEGUN), '?0', String(FILE.length)],
        );
        assert.match(headers['upload-limit'] ?? '', /^max-size=150000, max-age=\d+$/);
        assert.equal(headers['cache-control'], 'no-store');
      }
      const rest = { 'content-type': 'application/partial-upload', 'upload-offset': BEGUN };
      const last = await context.send('PATCH', upload.target, { ...rest, 'upload-complete': '?1' }, REST);
      assert.deepEqual([last.status, last.headers['upload-complete']], [201, '?1']);
      assert.equal((await context.send('HEAD', upload.target)).headers['upload-complete'], '?1');
      await context.assertCompleted(upload);
    },
  },
  {
    promise:
      'a digest told on creation is checked: of the request at its end, of the whole when that is there',
    section: draft('10.1, 10.2'),
    async run(context) {
      const begin = { ...IETF, 'upload-complete': '?0', 'upload-length': FILE.length };
      const user = context.user();
      const wrong = { ...begin, 'content-digest': digest(REST) };
      const refused = await create(context, user, wrong, FILE.subarray(0, BEGUN));
      assertRefused(refused, 460, 'CHECKSUM_MISMATCH');
      const { pathname, search } = new URL(refused.headers.location ?? '', 'http://relative');
      const kept = { id: pathname.slice(-36), target: pathname + search, user };
      assert.equal(await context.offset(kept), 0);
      await context.finish(kept);

      const other = context.user();
      const declared = { ...begin, 'repr-digest': digest(REST) };
      const upload = createdUpload(await create(context, other, declared, FILE.subarray(0, BEGUN)), other);
      const last = await append(context, upload, [BEGUN, '?1'], REST);
      assertRefused(last, 422, 'DIGEST_MISMATCH');
      assert.equal(last.headers['upload-complete'], '?1');
      await context.assertGone(upload, 'failed');
    },
  },
  {
    promise: 'Want-Repr-Digest is answered with the digest of the whole, by the final answer and its repeat',
    section: `${draft('10.1')}; RFC 9530, section 4`,
    async run(context) {
      const upload = await context.begun();
      const want = { 'want-repr-digest': 'sha-512=10, sha-256=1' };
      const part = await append(context, upload, [BEGUN, '?0'], FILE.subarray(BEGUN, 90_000), want);
      assert.equal(part.headers['repr-digest'], undefined);
      for (let n = 0; n < 2; n += 1) {
        const last = await append(context, upload, [90_000, '?1'], FILE.subarray(90_000), want);
        assert.deepEqual([last.status, last.headers['repr-digest']], [201, digest(FILE)]);
      }
      for (const none of [{}, { 'want-repr-digest': 'sha-256=0' }, { 'want-repr-digest': '!' }]) {
        const again = await append(context, upload, [90_000, '?1'], FILE.subarray(90_000), none);
        assert.deepEqual([again.status, again.headers['repr-digest']], [201, undefined]);
      }
    },
  },
  {
    promise: 'limits are told so that they hold: max-age ends when the session does, max-size is the length',
    section: `${draft('4.1.4')}; ${rule('Life')}`,
    async run(context) {
      const upload = await context.begun();
      const { expires_at } = await context.status(upload);
      const left = () => (Date.parse(String(expires_at)) - Date.now()) / 1000;
      const atMost = left();
      const head = await context.send('HEAD', upload.target, IETF);
      const atLeast = left();
      const [, size, age] = /^max-size=(\d+), max-age=(\d+)$/.exec(head.headers['upload-limit'] ?? '') ?? [];
      assert.equal(size, String(FILE.length));
      // Between the question and the answer it was told, in whole seconds.
      const isSo = Number(age) < atMost + 1 && Number(age) > atLeast - 1;
      assert.ok(isSo, `${age} s, of ${atMost} to ${atLeast} s`);
    },
  },
];
