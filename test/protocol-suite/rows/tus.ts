import assert from 'node:assert/strict';
import { chunked } from '../../protocols/raw-http.ts';
import { assertRefused, BEGUN, FILE, PATCH, TUS } from '../context.ts';
import { type Row, rule, tus } from '../row.ts';

const REST = FILE.subarray(BEGUN);

/** The core protocol. */
export const TUS_ROWS: readonly Row[] = [
  {
    promise: 'PATCH after PATCH stores the file; each answer tells the new offset and when it would expire',
    section: tus('Core: PATCH; Expiration'),
    async run({ session, patch, assertCompleted }) {
      const upload = await session();
      for (let at = 0; at < FILE.length; at += 50_000) {
        const answer = await patch(upload, at, FILE.subarray(at, at + 50_000));
        assert.deepEqual([answer.status, answer.text], [204, '']);
        assert.equal(answer.headers['upload-offset'], String(at + 50_000));
        const last = at + 50_000 === FILE.length;
        if (last) continue;
        assert.ok(Date.parse(answer.headers['upload-expires'] ?? '') > Date.now() - 1000);
        assert.match(answer.headers['upload-expires'] ?? '', /GMT$/);
      }
      await assertCompleted(upload);
    },
  },
  {
    promise: 'HEAD tells the offset and the length, and is never cached',
    section: tus('Core: HEAD'),
    async run({ begun, send, finish }) {
      const upload = await begun();
      const { status, headers } = await send('HEAD', upload.target, TUS);
      assert.equal(status, 200);
      assert.equal(headers['upload-offset'], String(BEGUN));
      assert.equal(headers['upload-length'], String(FILE.length));
      assert.equal(headers['cache-control'], 'no-store');
      assert.match(headers['upload-expires'] ?? '', /GMT$/);
      await finish(upload);
    },
  },
  {
    promise: 'HEAD of an unknown upload is 404 without an offset',
    section: tus('Core: HEAD'),
    async run({ begun, send }) {
      const upload = await begun();
      const target = upload.target.replace(/.{4}\?/, '0000?');
      const { status, headers } = await send('HEAD', target, TUS);
      assert.deepEqual([status, headers['upload-offset']], [404, undefined]);
    },
  },
  {
    promise: 'a wrong offset is 409 with the true one, and nothing changes',
    section: tus('Core: PATCH'),
    async run({ begun, patch, offset, finish }) {
      const upload = await begun();
      for (const wrong of [0, 1, BEGUN - 1, BEGUN + 1, FILE.length, 2 ** 53 - 1]) {
        const answer = await patch(upload, wrong, REST);
        assertRefused(answer, 409, 'OFFSET_MISMATCH');
        assert.equal(answer.headers['upload-offset'], String(BEGUN));
        assert.match(answer.headers['upload-expires'] ?? '', /GMT$/);
      }
      assert.equal(await offset(upload), BEGUN);
      await finish(upload);
    },
  },
  {
    promise: 'an offset that is missing or no plain number up to 2^53 − 1 is 400, and nothing changes',
    section: tus('Core: Upload-Offset'),
    async run({ begun, send, patch, offset, finish }) {
      const upload = await begun();
      assertRefused(await send('PATCH', upload.target, PATCH, REST), 400, 'INVALID_REQUEST');
      for (const bad of ['-1', '1e3', `+${BEGUN}`, '0xea60', '9007199254740992', '6 0', `${BEGUN}.0`, '']) {
        assertRefused(await patch(upload, 0, REST, { 'upload-offset': bad }), 400, 'INVALID_REQUEST');
      }
      assert.equal(await offset(upload), BEGUN);
      await finish(upload);
    },
  },
  {
    promise: 'another content type is 415, and nothing changes',
    section: tus('Core: PATCH'),
    async run({ begun, send, patch, offset, finish }) {
      const upload = await begun();
      const bare = { ...TUS, 'upload-offset': BEGUN };
      assertRefused(await send('PATCH', upload.target, bare, REST), 415, 'UNSUPPORTED_MEDIA_TYPE');
      for (const type of ['application/octet-stream', 'application/partial-upload', 'video/mp4']) {
        const answer = await patch(upload, BEGUN, REST, { 'content-type': type });
        assertRefused(answer, 415, 'UNSUPPORTED_MEDIA_TYPE');
      }
      assert.equal(await offset(upload), BEGUN);
      await finish(upload);
    },
  },
  {
    promise: 'an empty PATCH is 204, and completes nothing twice',
    section: rule('tus'),
    async run({ begun, patch, finish, assertCompleted }) {
      const upload = await begun();
      const empty = await patch(upload, BEGUN, Buffer.alloc(0));
      assert.deepEqual([empty.status, empty.headers['upload-offset']], [204, String(BEGUN)]);
      await finish(upload);
      const after = await patch(upload, FILE.length, Buffer.alloc(0));
      assert.deepEqual([after.status, after.headers['upload-offset']], [204, String(FILE.length)]);
      assertRefused(await patch(upload, FILE.length, Buffer.from('x')), 409, 'UPLOAD_COMPLETED');
      await assertCompleted(upload);
    },
  },
  {
    promise: 'more than the length is 413, and not one byte beyond is stored',
    section: rule('Limits hold while streaming'),
    async run({ begun, send, patch, offset, finish }) {
      const upload = await begun();
      const tooMuch = Buffer.concat([REST, Buffer.from('x')]);
      assertRefused(await patch(upload, BEGUN, tooMuch), 413, 'FILE_TOO_LARGE');
      assert.equal(await offset(upload), BEGUN);
      const inChunks = { ...PATCH, 'upload-offset': BEGUN, 'transfer-encoding': 'chunked' };
      assertRefused(await send('PATCH', upload.target, inChunks, tooMuch), 413, 'FILE_TOO_LARGE');
      assert.ok((await offset(upload)) <= FILE.length);
      await finish(upload);
    },
  },
  {
    promise: 'a chunked PATCH whose end is lost keeps what came, and at the full length is complete',
    section: tus('Core: PATCH, "as many bytes as possible"'),
    async run({ begun, line, reaches, assertCompleted }) {
      const upload = await begun();
      for (const [from, to] of [
        [BEGUN, 100_001],
        [100_001, FILE.length],
      ] as const) {
        const one = line();
        await one.begin('PATCH', upload.target, {
          ...PATCH,
          'upload-offset': from,
          'transfer-encoding': 'chunked',
        });
        await one.send(chunked(FILE.subarray(from, to), { end: false }));
        one.raw.hangUp();
        await reaches(upload, to);
      }
      await assertCompleted(upload);
    },
  },
  {
    promise: 'another version, or none, is 412 with the version spoken, and nothing changes',
    section: tus('Core: Tus-Resumable'),
    async run({ begun, send, offset, finish, user }) {
      const upload = await begun();
      for (const version of ['0.2.2', '1.0.1', '2.0.0', '']) {
        const headers = { ...PATCH, 'upload-offset': BEGUN, 'tus-resumable': version };
        for (const [method, target] of [
          ['PATCH', upload.target],
          ['HEAD', upload.target],
          ['DELETE', upload.target],
          ['POST', '/v1/uploads'],
        ] as const) {
          const answer = await send(method, target, { ...headers, authorization: user().authorization });
          assert.deepEqual([answer.status, answer.headers['tus-version']], [412, '1.0.0'], method);
        }
      }
      const without = { 'content-type': PATCH['content-type'], 'upload-offset': BEGUN };
      const answer = await send('PATCH', upload.target, without, REST);
      assert.deepEqual([answer.status, answer.headers['tus-version']], [412, '1.0.0']);
      assert.equal(await offset(upload), BEGUN);
      await finish(upload);
    },
  },
  {
    promise:
      'X-HTTP-Method-Override stands for PATCH, HEAD and DELETE, however written, and for nothing else',
    section: tus('Core: X-HTTP-Method-Override'),
    async run({ begun, send, assertGone }) {
      const upload = await begun();
      const post = (method: string, headers = {}, body: Uint8Array | null = null) =>
        send('POST', upload.target, { ...PATCH, 'x-http-method-override': method, ...headers }, body);
      const stored = await post('PATCH', { 'upload-offset': BEGUN }, FILE.subarray(BEGUN, 70_000));
      assert.deepEqual([stored.status, stored.headers['upload-offset']], [204, '70000']);
      assert.equal((await post('HEAD')).headers['upload-offset'], '70000');
      assert.equal((await post('Head')).headers['upload-offset'], '70000');
      for (const method of ['PUT', 'PATCH ME', 'GET', 'BREW']) {
        assertRefused(await post(method, { 'upload-offset': 70_000 }, REST), 400, 'INVALID_REQUEST');
      }
      assert.equal((await post('DELETE')).status, 204);
      await assertGone(upload, 'cancelled');
    },
  },
  {
    promise: 'an offset is told that was never told before the bytes were stored: HEAD, HEAD, PATCH agree',
    section: rule('Offset'),
    async run({ session, line, offset, reaches, finish }) {
      const upload = await session();
      const one = line();
      await one.begin('PATCH', upload.target, {
        ...PATCH,
        'upload-offset': 0,
        'content-length': FILE.length,
      });
      let highest = 0;
      for (let at = 0; at < 100_000; at += 25_000) {
        await one.send(FILE.subarray(at, at + 25_000));
        const told = await offset(upload);
        assert.ok(told >= highest && told <= at + 25_000, `${told} after ${highest}`);
        highest = told;
      }
      one.raw.hangUp();
      await reaches(upload, 100_000);
      await finish(upload);
    },
  },
];
