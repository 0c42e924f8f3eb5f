import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { APPEND, assertRefused, BEGUN, FILE, IETF, OTHER, PATCH } from '../context.ts';
import type { Headers } from '../line.ts';
import { draft, type Row, rule, tus } from '../row.ts';

const REST = FILE.subarray(BEGUN);
/** Bytes that would do harm wherever they were stored. */
const WRONG = OTHER.subarray(BEGUN);
const sha1 = `sha1 ${createHash('sha1').update(REST).digest('base64')}`;
const sha256 = `sha-256=:${createHash('sha256').update(REST).digest('base64')}:`;

const at = (offset: number | string) => ({ 'upload-offset': offset });
const append = { ...APPEND, ...at(BEGUN), 'upload-complete': '?1' };

/** Method, headers, body, and what is answered: everything that goes wrong without ending the upload. */
const REFUSED: readonly (readonly [string, Headers, Uint8Array, number])[] = [
  ['PUT', {}, WRONG, 400],
  ['PUT', { 'content-range': `bytes ${BEGUN}-${FILE.length - 1}/${FILE.length}` }, WRONG, 400],
  ['PUT', { authorization: 'Bearer nonsense', 'content-range': 'bytes 0-1/2' }, OTHER, 400],
  ['PATCH', { ...PATCH }, WRONG, 400],
  ['PATCH', { ...PATCH, ...at('1e3') }, WRONG, 400],
  ['PATCH', { ...PATCH, ...at(BEGUN - 1) }, WRONG, 409],
  ['PATCH', { ...PATCH, ...at(BEGUN + 1) }, WRONG.subarray(1), 409],
  ['PATCH', { ...PATCH, ...at(0) }, OTHER, 409],
  ['PATCH', { ...PATCH, ...at(BEGUN) }, Buffer.concat([WRONG, WRONG]), 413],
  ['PATCH', { ...PATCH, ...at(BEGUN), 'content-type': 'text/plain' }, WRONG, 415],
  ['PATCH', { ...PATCH, ...at(BEGUN), 'tus-resumable': '0.2.2' }, WRONG, 412],
  ['PATCH', { ...PATCH, ...at(BEGUN), 'upload-length': BEGUN - 1 }, WRONG, 400],
  ['PATCH', { ...PATCH, ...at(BEGUN), 'upload-length': FILE.length + 1 }, WRONG, 400],
  ['PATCH', { ...PATCH, ...at(BEGUN), 'upload-checksum': sha1 }, WRONG, 460],
  ['PATCH', { ...PATCH, ...at(BEGUN), 'upload-checksum': 'md5 AAAA' }, WRONG, 400],
  ['POST', { ...PATCH, ...at(BEGUN), 'x-http-method-override': 'PUT' }, WRONG, 400],
  ['POST', { ...PATCH, ...at(5), 'x-http-method-override': 'PATCH' }, WRONG, 409],
  ['PATCH', { ...append, ...at(5) }, WRONG, 409],
  ['PATCH', { ...append, ...at('-1') }, WRONG, 400],
  ['PATCH', { ...append, 'upload-complete': 'true' }, WRONG, 400],
  ['PATCH', { ...append, 'content-type': 'application/offset+octet-stream' }, WRONG, 415],
  ['PATCH', { ...append, 'upload-length': FILE.length + 1 }, WRONG, 400],
  ['PATCH', append, WRONG.subarray(1), 400],
  ['PATCH', { ...append, 'content-digest': sha256 }, WRONG, 460],
  ['POST', { ...IETF, 'upload-complete': '?1' }, OTHER, 409],
];

/** What fails changes nothing; what has ended says so to whoever asks. */
export const REFUSAL_ROWS: readonly Row[] = [
  {
    promise: 'whatever is refused leaves offset and bytes as they were, byte for byte, in every dialect',
    section: `${rule('Statuses')}; ${tus('Core: PATCH')}; ${draft('4.4.2')}`,
    async run(context) {
      const upload = await context.begun();
      for (const [method, headers, body, status] of REFUSED) {
        const which = `${method} ${JSON.stringify(headers)}`;
        const answer = await context.send(method, upload.target, headers, body);
        assert.equal(answer.status, status, `${which}: ${answer.text}`);
        assert.equal(await context.offset(upload), BEGUN, which);
      }
      assert.equal((await context.status(upload)).status, 'active');
      await context.finish(upload);
    },
  },
  {
    promise: 'a completed file stays as it is, whatever is sent to it, and no dialect deletes it',
    section: `${rule('Completion')}; ${draft('4.4.2')}`,
    async run(context) {
      const upload = await context.begun();
      await context.finish(upload);
      for (const [method, headers, body] of REFUSED) {
        // In the place and the length of the last append: taken for its repeat, unread.
        if ('content-digest' in headers) continue;
        const answer = await context.send(method, upload.target, headers, body);
        assert.ok(answer.status >= 400, `${method} ${JSON.stringify(headers)}: ${answer.status}`);
      }
      for (const told of [{ 'upload-length': FILE.length + 1 }, { 'repr-digest': sha256 }]) {
        const answer = await context.send('PATCH', upload.target, { ...append, ...told }, REST);
        assertRefused(answer, 409, 'UPLOAD_COMPLETED');
      }
      const anew = { ...append, ...at(0) };
      assertRefused(await context.send('PATCH', upload.target, anew, OTHER), 409, 'UPLOAD_COMPLETED');
      assert.equal((await context.send('PATCH', upload.target, anew, FILE)).status, 201);
      for (const headers of [{}, IETF, PATCH]) {
        assertRefused(await context.send('DELETE', upload.target, headers), 409, 'UPLOAD_COMPLETED');
      }
      await context.assertCompleted(upload);
    },
  },
  {
    promise: 'an upload that has failed tells why to whoever asks later, in every dialect',
    section: `${rule('Statuses')}; ${draft('4.4.2, "rejecting any further interaction with it"')}`,
    async run(context) {
      const noVideo = await context.session();
      const text = Buffer.alloc(5000, 'no video at all ');
      assertRefused(await context.patch(noVideo, 0, text), 415, 'UNSUPPORTED_FORMAT');
      const tooLong = await context.begun();
      const more = Buffer.concat([REST, Buffer.from('x')]);
      assertRefused(await context.send('PATCH', tooLong.target, append, more), 413, 'FILE_TOO_LARGE');
      for (const [upload, status, code] of [
        [noVideo, 415, 'UNSUPPORTED_FORMAT'],
        [tooLong, 413, 'FILE_TOO_LARGE'],
      ] as const) {
        assertRefused(await context.patch(upload, 0, FILE), status, code);
        assertRefused(await context.send('PUT', upload.target, {}, FILE), status, code);
        assertRefused(await context.send('PATCH', upload.target, append, REST), status, code);
        for (const headers of [{}, IETF, PATCH]) {
          const head = await context.send('HEAD', upload.target, headers);
          assert.deepEqual([head.status, head.headers['upload-offset']], [status, undefined]);
        }
        await context.assertGone(upload, 'failed');
      }
    },
  },
];
