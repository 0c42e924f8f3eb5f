import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { assertRefused, BEGUN, FILE, IETF } from '../context.ts';
import { append } from '../ietf-append.ts';
import { draft, type Row } from '../row.ts';

const REST = FILE.subarray(BEGUN);
const NOTHING = Buffer.alloc(0);
const INCONSISTENT = 'https://iana.org/assignments/http-problem-types#inconsistent-upload-length';

const digest = (bytes: Uint8Array) => `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;

/** When an upload is complete, and whether it is what was meant. */
export const IETF_COMPLETION_ROWS: readonly Row[] = [
  {
    promise: 'the offset that equals the length is not completion: an empty ?1 is',
    section: draft('4.1.3, 4.4.1'),
    async run(context) {
      const upload = await context.begun();
      const all = await append(context, upload, [BEGUN, '?0'], REST);
      assert.deepEqual([all.status, all.headers['upload-complete']], [204, '?0']);
      const head = await context.send('HEAD', upload.target, IETF);
      assert.deepEqual(
        [head.headers['upload-offset'], head.headers['upload-complete']],
        [String(FILE.length), '?0'],
      );
      const last = await append(context, upload, [FILE.length, '?1'], NOTHING);
      assert.deepEqual([last.status, last.headers['upload-complete']], [201, '?1']);
      await context.assertCompleted(upload);
    },
  },
  {
    promise: 'a lost final answer is given again; anything else to a complete upload is 409',
    section: draft('4.4.2, "replay the final response"'),
    async run(context) {
      const upload = await context.begun();
      const first = await append(context, upload, [BEGUN, '?1'], REST);
      const again = await append(context, upload, [BEGUN, '?1'], REST);
      assert.deepEqual([again.status, again.text], [first.status, first.text]);
      const empty = await append(context, upload, [FILE.length, '?1'], NOTHING);
      assert.deepEqual([empty.status, empty.headers['upload-complete']], [201, '?1']);
      const more = await append(context, upload, [FILE.length, '?1'], Buffer.from('x'));
      assertRefused(more, 409, 'UPLOAD_COMPLETED');
      assert.equal(more.headers['upload-complete'], '?0');
      await context.assertCompleted(upload);
    },
  },
  {
    promise: 'lengths that contradict each other are 400 with their problem type, and nothing changes',
    section: draft('4.1.3, 7.2'),
    async run(context) {
      const upload = await context.begun();
      const other = { 'upload-length': FILE.length + 1 };
      for (const answer of [
        await append(context, upload, [BEGUN, '?0'], NOTHING, other),
        await append(context, upload, [BEGUN, '?1'], FILE.subarray(BEGUN, -1)),
      ]) {
        assertRefused(answer, 400, 'INVALID_REQUEST');
        assert.equal(answer.json().type, INCONSISTENT);
      }
      assert.equal(await context.offset(upload), BEGUN);
      await context.finish(upload);
    },
  },
  {
    promise: 'bytes past a known length end the upload for good',
    section: draft('4.4.2, "marking the upload resource invalid"'),
    async run(context) {
      for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
        const upload = await context.begun();
        const tooMuch = Buffer.concat([REST, Buffer.from('x')]);
        const answer = await append(context, upload, [BEGUN, '?0'], tooMuch, headers);
        assertRefused(answer, 413, 'FILE_TOO_LARGE');
        assert.equal(answer.headers['upload-complete'], '?1');
        await context.assertGone(upload, 'failed');
      }
    },
  },
  {
    promise: 'a digest of the request that does not match stores nothing of the request',
    section: draft('10.2'),
    async run(context) {
      const upload = await context.begun();
      const wrong = { 'content-digest': digest(FILE) };
      const answer = await append(context, upload, [BEGUN, '?1'], REST, wrong);
      assertRefused(answer, 460, 'CHECKSUM_MISMATCH');
      assert.equal(await context.offset(upload), BEGUN);
      const right = { 'content-digest': digest(REST), 'repr-digest': digest(FILE) };
      assert.equal((await append(context, upload, [BEGUN, '?1'], REST, right)).status, 201);
      await context.assertCompleted(upload);
    },
  },
  {
    promise: 'a file that is not the one its digest names is 422, and the upload is over',
    section: draft('10.1'),
    async run(context) {
      const upload = await context.begun();
      const wrong = { 'repr-digest': digest(REST) };
      const answer = await append(context, upload, [BEGUN, '?1'], REST, wrong);
      assertRefused(answer, 422, 'DIGEST_MISMATCH');
      assert.equal(answer.headers['upload-complete'], '?1');
      await context.assertGone(upload, 'failed');
    },
  },
];
