import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import crc32c from 'crc-32/crc32c.js';
import { assertRefused, BEGUN, type Context, FILE, PATCH, TUS, type Upload } from '../context.ts';
import { type Row, tus } from '../row.ts';

const REST = FILE.subarray(BEGUN);

function checksum(algorithm: string, bytes: Buffer): string {
  if (algorithm !== 'crc32c') return `${algorithm} ${createHash(algorithm).update(bytes).digest('base64')}`;
  const digest = Buffer.alloc(4);
  digest.writeInt32BE(crc32c.buf(bytes));
  return `crc32c ${digest.toString('base64')}`;
}

/** The rest of the file in one chunk, with a trailer behind it. */
async function patchWithTrailer({ line }: Context, upload: Upload, trailer: string) {
  const one = line();
  await one.begin('PATCH', upload.target, {
    ...PATCH,
    'upload-offset': BEGUN,
    'transfer-encoding': 'chunked',
    trailer: 'Upload-Checksum',
  });
  await one.send(`${REST.length.toString(16)}\r\n`);
  await one.send(REST);
  await one.send(`\r\n0\r\n${trailer}\r\n`);
  const answer = await one.answer();
  one.cut();
  return answer;
}

/** The extensions "checksum", "checksum-trailer" and "termination". */
export const TUS_EXTENSION_ROWS: readonly Row[] = [
  {
    promise: 'a right checksum of each algorithm is taken',
    section: tus('Checksum'),
    async run({ begun, patch, assertCompleted }) {
      for (const algorithm of ['sha1', 'sha256', 'crc32c']) {
        const upload = await begun();
        const answer = await patch(upload, BEGUN, REST, { 'upload-checksum': checksum(algorithm, REST) });
        assert.deepEqual([answer.status, answer.headers['upload-offset']], [204, String(FILE.length)]);
        await assertCompleted(upload);
      }
    },
  },
  {
    promise: 'a checksum that does not match is 460, and nothing of the request is kept',
    section: tus('Checksum'),
    async run({ begun, patch, offset, finish }) {
      const upload = await begun();
      for (const algorithm of ['sha1', 'sha256', 'crc32c']) {
        const wrong = { 'upload-checksum': checksum(algorithm, FILE) };
        assertRefused(await patch(upload, BEGUN, REST, wrong), 460, 'CHECKSUM_MISMATCH');
        assert.equal(await offset(upload), BEGUN);
      }
      await finish(upload);
    },
  },
  {
    promise: 'bytes that are no video are 460 where their checksum tells that they are the wrong ones',
    section: tus('Checksum'),
    async run({ session, patch, assertGone, finish }) {
      const noVideo = Buffer.alloc(20_000, 'no video ');
      const upload = await session();
      const wrong = { 'upload-checksum': checksum('sha1', FILE.subarray(0, noVideo.length)) };
      assertRefused(await patch(upload, 0, noVideo, wrong), 460, 'CHECKSUM_MISMATCH');
      await finish(upload);

      const other = await session();
      const right = { 'upload-checksum': checksum('sha1', noVideo) };
      assertRefused(await patch(other, 0, noVideo, right), 415, 'UNSUPPORTED_FORMAT');
      await assertGone(other, 'failed');
    },
  },
  {
    promise: 'another algorithm, or a digest that is none, is 400, and nothing changes',
    section: tus('Checksum'),
    async run({ begun, patch, offset, finish }) {
      const upload = await begun();
      for (const bad of ['md5 1B2M2Y8AsgTpgAmY7PhCfg==', 'sha1 short', 'sha1', 'SHA1 ', 'sha256 !!!=']) {
        const answer = await patch(upload, BEGUN, REST, { 'upload-checksum': bad });
        assertRefused(answer, 400, 'INVALID_REQUEST');
      }
      assert.equal(await offset(upload), BEGUN);
      await finish(upload);
    },
  },
  {
    promise: 'a request with a checksum that is cut in the middle keeps nothing of itself',
    section: tus('Checksum'),
    async run({ begun, line, offset, finish }) {
      const upload = await begun();
      const one = line();
      const headers = { 'upload-offset': BEGUN, 'upload-checksum': checksum('sha1', REST) };
      await one.begin('PATCH', upload.target, { ...PATCH, ...headers, 'content-length': REST.length });
      await one.send(REST.subarray(0, 30_000));
      one.raw.hangUp();
      await one.raw.closed;
      assert.equal(await offset(upload), BEGUN);
      await finish(upload);
    },
  },
  {
    promise: 'a checksum in the trailer is checked: right 204, wrong or missing 460 with nothing kept',
    section: tus('Checksum: Trailer'),
    async run(context) {
      const upload = await context.begun();
      for (const trailer of [`Upload-Checksum: ${checksum('sha1', FILE)}\r\n`, '']) {
        const answer = await patchWithTrailer(context, upload, trailer);
        assertRefused(answer, 460, 'CHECKSUM_MISMATCH');
        assert.equal(await context.offset(upload), BEGUN);
      }
      const right = `Upload-Checksum: ${checksum('crc32c', REST)}\r\n`;
      assert.equal((await patchWithTrailer(context, upload, right)).status, 204);
      await context.assertCompleted(upload);
    },
  },
  {
    promise: 'a request that is cut within its trailer keeps nothing of itself',
    section: tus('Checksum: Trailer'),
    async run({ begun, line, offset, finish }) {
      const upload = await begun();
      const one = line();
      await one.begin('PATCH', upload.target, {
        ...PATCH,
        'upload-offset': BEGUN,
        'transfer-encoding': 'chunked',
        trailer: 'Upload-Checksum',
      });
      await one.send(`${REST.length.toString(16)}\r\n`);
      await one.send(REST);
      await one.send(`\r\n0\r\nUpload-Checksum: ${checksum('sha1', REST).slice(0, 9)}`);
      one.raw.hangUp();
      await one.raw.closed;
      assert.equal(await offset(upload), BEGUN);
      await finish(upload);
    },
  },
  {
    promise: 'DELETE is 204; afterwards the upload is 410, its bytes and its reservation are gone',
    section: tus('Termination'),
    async run({ begun, send, patch, assertGone }) {
      const upload = await begun();
      assert.equal((await send('DELETE', upload.target, TUS)).status, 204);
      assert.equal((await send('HEAD', upload.target, TUS)).status, 410);
      assertRefused(await patch(upload, BEGUN, REST), 410, 'SESSION_EXPIRED');
      assertRefused(await send('DELETE', upload.target, TUS), 410, 'SESSION_EXPIRED');
      await assertGone(upload, 'cancelled');
    },
  },
  {
    promise: 'a completed upload is not terminated: 409, and its file stays',
    section: tus('Termination'),
    async run({ begun, finish, send, assertCompleted }) {
      const upload = await begun();
      await finish(upload);
      assertRefused(await send('DELETE', upload.target, TUS), 409, 'UPLOAD_COMPLETED');
      await assertCompleted(upload);
    },
  },
];
