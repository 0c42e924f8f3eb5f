import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { assertRefused, BEGUN, FILE, OTHER, PATCH } from '../context.ts';
import { type Row, rule } from '../row.ts';

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/${name}`, import.meta.url));

/** PUT, GET, HEAD and DELETE without any dialect's header. */
export const PLAIN_ROWS: readonly Row[] = [
  {
    promise: 'PUT with the whole file: 201, the completed session, and the file is what was sent',
    section: rule('Plain'),
    async run({ session, send, assertCompleted }) {
      const upload = await session();
      const answer = await send('PUT', upload.target, {}, FILE);
      assert.deepEqual([answer.status, answer.json().status], [201, 'completed']);
      assert.equal(answer.headers['upload-offset'], String(FILE.length));
      await assertCompleted(upload);
    },
  },
  {
    promise: 'a body is bytes, whatever it is called',
    section: rule('Plain: "streamed whatever its content type"'),
    async run({ session, send, assertCompleted }) {
      for (const type of ['application/json', 'text/plain', 'multipart/form-data', 'no such thing']) {
        const upload = await session();
        const answer = await send('PUT', upload.target, { 'content-type': type }, FILE);
        assert.equal(answer.status, 201, type);
        await assertCompleted(upload);
      }
    },
  },
  {
    promise: 'chunked bodies work, with the length declared before or not',
    section: 'RFC 9112, section 7.1',
    async run({ session, send, assertCompleted }) {
      for (const draft of [{}, { expected_file_size: undefined }]) {
        const upload = await session(draft);
        const answer = await send('PUT', upload.target, { 'transfer-encoding': 'chunked' }, FILE);
        assert.equal(answer.status, 201);
        await assertCompleted(upload);
      }
    },
  },
  {
    promise: 'a Content-Length that is not expected_file_size is 400 before the first byte is read',
    section: rule('Plain'),
    async run({ begun, offset, line, finish }) {
      const upload = await begun();
      const one = line();
      await one.begin('PUT', upload.target, { 'content-length': FILE.length + 1 });
      assertRefused(await one.answer(), 400, 'INVALID_REQUEST');
      one.cut();
      assert.equal(await offset(upload), BEGUN);
      await finish(upload);
    },
  },
  {
    promise: 'a partial PUT is refused and changes nothing',
    section: 'RFC 9110, section 14.4',
    async run({ begun, send, offset, finish }) {
      const upload = await begun();
      const headers = { 'content-range': `bytes ${BEGUN}-${FILE.length - 1}/${FILE.length}` };
      const answer = await send('PUT', upload.target, headers, FILE.subarray(BEGUN));
      assertRefused(answer, 400, 'INVALID_REQUEST');
      assert.equal(await offset(upload), BEGUN);
      await finish(upload);
    },
  },
  {
    promise: 'PUT onto partial bytes replaces them',
    section: 'RFC 9110, section 9.3.4',
    async run({ begun, send, assertCompleted }) {
      const upload = await begun();
      assert.equal((await send('PUT', upload.target, {}, OTHER)).status, 201);
      await assertCompleted(upload, OTHER);
    },
  },
  {
    promise: 'the same PUT again gets the same answer and is counted once; another file is 409',
    section: rule('Plain, Completion'),
    async run({ session, send, assertCompleted }) {
      const upload = await session();
      const first = await send('PUT', upload.target, {}, FILE);
      const again = await send('PUT', upload.target, {}, FILE);
      assert.deepEqual([again.status, again.text], [201, first.text]);
      for (const body of [OTHER, FILE.subarray(1)]) {
        assertRefused(await send('PUT', upload.target, {}, body), 409, 'UPLOAD_COMPLETED');
      }
      await assertCompleted(upload);
    },
  },
  {
    promise: 'an empty file is 415, and the session stays as it was',
    section: rule('Plain: "Zero-byte files are refused"'),
    async run({ session, send, status, finish }) {
      const upload = await session({ expected_file_size: undefined });
      const none = Buffer.alloc(0);
      assertRefused(await send('PUT', upload.target, {}, none), 415, 'UNSUPPORTED_FORMAT');
      const chunkedNothing = { 'transfer-encoding': 'chunked' };
      assertRefused(await send('PUT', upload.target, chunkedNothing, none), 415, 'UNSUPPORTED_FORMAT');
      assert.equal((await status(upload)).status, 'active');
      assert.equal((await send('PUT', upload.target, {}, FILE)).status, 201);
      await finish(upload);
    },
  },
  {
    promise: 'GET tells the session, HEAD the offset and the length, uncached',
    section: rule('Plain'),
    async run({ begun, send, finish }) {
      const upload = await begun();
      const got = await send('GET', upload.target);
      assert.deepEqual([got.status, got.json().status, got.json().upload_offset], [200, 'active', BEGUN]);
      const head = await send('HEAD', upload.target);
      assert.equal(head.status, 200);
      assert.equal(head.headers['upload-offset'], String(BEGUN));
      assert.equal(head.headers['upload-length'], String(FILE.length));
      assert.equal(head.headers['cache-control'], 'no-store');
      await finish(upload);
    },
  },
  {
    promise: 'DELETE is 204, and everything after it 410 without a byte kept',
    section: rule('Plain, Life'),
    async run({ begun, send, patch, assertGone }) {
      const upload = await begun();
      for (let n = 0; n < 2; n += 1) assert.equal((await send('DELETE', upload.target)).status, 204);
      assertRefused(await send('PUT', upload.target, {}, FILE), 410, 'SESSION_EXPIRED');
      assertRefused(await patch(upload, BEGUN, FILE.subarray(BEGUN)), 410, 'SESSION_EXPIRED');
      assert.equal((await send('HEAD', upload.target)).status, 410);
      await assertGone(upload, 'cancelled');
    },
  },
  {
    promise: 'what is no video is 415, the session failed, its bytes and its reservation gone',
    section: rule('Look at the bytes'),
    async run({ session, send, patch, assertGone }) {
      const page = fixture('page.html');
      const upload = await session({ expected_file_size: page.length });
      assertRefused(await send('PUT', upload.target, {}, page), 415, 'UNSUPPORTED_FORMAT');
      await assertGone(upload, 'failed');

      const long = await session();
      const text = Buffer.alloc(5000, 'no video at all ');
      assertRefused(await patch(long, 0, text), 415, 'UNSUPPORTED_FORMAT');
      await assertGone(long, 'failed');
    },
  },
  {
    promise:
      'all five containers are recognised; another one than declared is 415; mp4 and mov are one family',
    section: rule('Look at the bytes'),
    async run({ session, send, assertCompleted, assertGone }) {
      for (const format of ['mp4', 'mov', 'avi', 'mkv', 'webm']) {
        const file = fixture(`sample.${format}`);
        const size = { expected_file_size: file.length };
        const upload = await session(size);
        assert.equal((await send('PUT', upload.target, {}, file)).status, 201, format);
        await assertCompleted(upload, file);
        if (format === 'mov') continue;
        const declared = await session({ ...size, file_format: 'mov' });
        const answer = await send('PUT', declared.target, {}, file);
        if (format === 'mp4') await assertCompleted(declared, file);
        else assertRefused(answer, 415, 'UNSUPPORTED_FORMAT');
        if (format !== 'mp4') await assertGone(declared, 'failed');
      }
    },
  },
  {
    promise: 'a file that is not the declared sha256 is 422, and nothing of it stays',
    section: rule('Completion'),
    async run({ session, send, assertCompleted, assertGone }) {
      const sha256 = createHash('sha256').update(FILE).digest('hex');
      const right = await session({ sha256 });
      assert.equal((await send('PUT', right.target, {}, FILE)).status, 201);
      await assertCompleted(right);
      const wrong = await session({ sha256 });
      const answer = await send('PUT', wrong.target, {}, OTHER);
      assertRefused(answer, 422, 'DIGEST_MISMATCH');
      await assertGone(wrong, 'failed');
    },
  },
  {
    promise: 'without credentials 401, with those of another session or user 403, for an unknown session 404',
    section: rule('who may'),
    async run({ begun, send, session, user, offset, finish }) {
      const upload = await begun();
      const path = upload.target.split('?')[0] ?? '';
      const foreign = (await session()).target.split('?')[1];
      const rows = [
        [path, {}, 401, 'UNAUTHENTICATED'],
        [`${path}?token=nonsense`, {}, 403, 'UNAUTHORIZED_ACCESS'],
        [`${path}?${foreign}`, {}, 403, 'UNAUTHORIZED_ACCESS'],
        [path, { authorization: user().authorization }, 403, 'UNAUTHORIZED_ACCESS'],
        [path.replace(/.{4}$/, '0000'), {}, 404, 'SESSION_NOT_FOUND'],
      ] as const;
      for (const [target, headers, status, code] of rows) {
        const rest = { ...PATCH, 'upload-offset': BEGUN, ...headers };
        assertRefused(await send('PATCH', target, rest, FILE.subarray(BEGUN)), status, code);
        assertRefused(await send('PUT', target, headers, FILE), status, code);
        assertRefused(await send('DELETE', target, headers), status, code);
      }
      assert.equal(await offset(upload), BEGUN);
      assert.equal(
        (await send('GET', path, { authorization: upload.user.authorization })).status,
        200,
        'its owner may',
      );
      await finish(upload);
    },
  },
];
