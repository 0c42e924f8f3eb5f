import assert from 'node:assert/strict';
import { until } from '../../e2e/until.ts';
import { APPEND, assertRefused, BEGUN, FILE, IETF, LARGE } from '../context.ts';
import { append } from '../ietf-append.ts';
import { draft, type Row, rule } from '../row.ts';

const REST = FILE.subarray(BEGUN);
const MISMATCH = 'https://iana.org/assignments/http-problem-types#mismatching-upload-offset';

/** Retrieval, append, cancellation. */
export const IETF_ROWS: readonly Row[] = [
  {
    promise: 'appends store the file; ?0 is 2xx with ?0, ?1 the final answer with ?1',
    section: draft('4.4.2'),
    async run(context) {
      const upload = await context.begun();
      const part = await append(context, upload, [BEGUN, '?0'], FILE.subarray(BEGUN, 90_000));
      assert.deepEqual([part.status, part.headers['upload-complete']], [204, '?0']);
      assert.equal(part.headers['upload-offset'], '90000');
      const last = await append(context, upload, [90_000, '?1'], FILE.subarray(90_000));
      assert.deepEqual([last.status, last.headers['upload-complete']], [201, '?1']);
      assert.equal(last.json().status, 'completed');
      await context.assertCompleted(upload);
    },
  },
  {
    promise: 'HEAD and GET tell offset, completeness, length and limits, uncached',
    section: draft('4.3.2'),
    async run(context) {
      const upload = await context.begun();
      for (const [method, status] of [
        ['HEAD', 204],
        ['GET', 200],
      ] as const) {
        const answer = await context.send(method, upload.target, IETF);
        assert.equal(answer.status, status);
        assert.equal(answer.headers['upload-offset'], String(BEGUN));
        assert.equal(answer.headers['upload-complete'], '?0');
        assert.equal(answer.headers['upload-length'], String(FILE.length));
        assert.match(answer.headers['upload-limit'] ?? '', /^max-size=150000, max-age=\d+$/);
        assert.equal(answer.headers['cache-control'], 'no-store');
      }
      await context.finish(upload);
      assert.equal((await context.send('HEAD', upload.target, IETF)).headers['upload-complete'], '?1');
    },
  },
  {
    promise: 'a wrong offset is 409 with ?0, the true offset and the problem type, and nothing changes',
    section: draft('4.4.2, 7.1'),
    async run(context) {
      const upload = await context.begun();
      for (const wrong of [0, BEGUN - 1, BEGUN + 1, FILE.length]) {
        const answer = await append(context, upload, [wrong, '?1'], FILE.subarray(wrong));
        assertRefused(answer, 409, 'OFFSET_MISMATCH');
        assert.equal(answer.headers['upload-offset'], String(BEGUN));
        assert.equal(answer.headers['upload-complete'], '?0');
        const problem = answer.json();
        assert.deepEqual(
          [problem.type, problem['expected-offset'], problem['provided-offset']],
          [MISMATCH, BEGUN, wrong],
        );
      }
      await context.finish(upload);
    },
  },
  {
    promise: 'a field that is malformed counts as absent: an append without offset or completeness is 400',
    section: draft('4.1.1, 4.1.2'),
    async run(context) {
      const upload = await context.begun();
      for (const headers of [
        { 'upload-offset': '-1' },
        { 'upload-offset': `${BEGUN}.0` },
        { 'upload-offset': `"${BEGUN}"` },
        { 'upload-complete': '1' },
        { 'upload-complete': 'true' },
        { 'upload-complete': '?2' },
      ]) {
        const answer = await append(context, upload, [BEGUN, '?1'], REST, headers);
        assertRefused(answer, 400, 'INVALID_REQUEST');
      }
      const bare = { ...APPEND, 'upload-offset': BEGUN };
      assertRefused(await context.send('PATCH', upload.target, bare, REST), 400, 'INVALID_REQUEST');
      assert.equal(await context.offset(upload), BEGUN);
      await context.finish(upload);
    },
  },
  {
    promise: 'an append of another media type is 415, and nothing changes',
    section: draft('4.4.1, 6'),
    async run(context) {
      const upload = await context.begun();
      const answer = await append(context, upload, [BEGUN, '?1'], REST, { 'content-type': 'video/mp4' });
      assertRefused(answer, 415, 'UNSUPPORTED_MEDIA_TYPE');
      assert.equal(await context.offset(upload), BEGUN);
      await context.finish(upload);
    },
  },
  {
    promise: 'DELETE is 204, and an append that runs ends',
    section: draft('4.5.2'),
    async run(context) {
      const upload = await context.begun();
      const one = context.line();
      const headers = { ...APPEND, 'upload-offset': BEGUN, 'upload-complete': '?1' };
      await one.begin('PATCH', upload.target, { ...headers, 'content-length': REST.length });
      await one.send(REST.subarray(0, 20_000));
      await context.status(upload);
      assert.equal((await context.send('DELETE', upload.target, IETF)).status, 204);
      assertRefused(await one.answer(), 410, 'SESSION_EXPIRED');
      await one.raw.closed;
      assert.equal((await context.send('HEAD', upload.target, IETF)).status, 410);
      await context.assertGone(upload, 'cancelled');
    },
  },
  {
    promise: 'an append that is cut keeps its prefix and is not complete',
    section: draft('4.4.2'),
    async run(context) {
      const upload = await context.begun();
      const one = context.line();
      const headers = { ...APPEND, 'upload-offset': BEGUN, 'upload-complete': '?1' };
      await one.begin('PATCH', upload.target, { ...headers, 'content-length': REST.length });
      await one.send(REST.subarray(0, -1));
      one.raw.hangUp();
      await context.reaches(upload, FILE.length - 1);
      const head = await context.send('HEAD', upload.target, IETF);
      assert.equal(head.headers['upload-complete'], '?0');
      await context.finish(upload);
    },
  },
  {
    promise: 'while bytes come in, a 104 tells each offset, never with a Location',
    section: draft('4.4.2, 5'),
    async run(context) {
      const upload = await context.session({ expected_file_size: LARGE.length });
      const one = context.line();
      const headers = { ...APPEND, 'upload-offset': 0, 'upload-complete': '?1' };
      await one.begin('PATCH', upload.target, { ...headers, 'content-length': LARGE.length });
      await one.send(LARGE.subarray(0, -1));
      await until('bytes are acknowledged', async () => (await context.offset(upload)) > 0);
      await one.send(LARGE.subarray(-1));
      assert.equal((await one.answer()).status, 201);
      const hints = one.raw.interimHeaders.filter((_, n) => one.raw.interim[n] === 104);
      const offsets = hints.map((hint) => Number(hint['upload-offset']));
      assert.ok(offsets.length > 0);
      assert.deepEqual(
        offsets,
        offsets.toSorted((a, b) => a - b),
      );
      assert.ok(hints.every((hint) => hint.location === undefined));
      assert.ok(hints.every((hint) => hint['upload-draft-interop-version'] === '8'));
      one.cut();
      await context.assertCompleted(upload, LARGE);
    },
  },
  {
    promise: 'interop versions 3 to 7 are spoken with their own names',
    section: `${draft('Draft Version Identification')}; -01 (Upload-Incomplete), -03 (media type)`,
    async run(context) {
      for (const version of [3, 4, 5, 6, 7]) {
        const upload = await context.begun();
        const names =
          version === 3
            ? (['upload-incomplete', '?0', '?1'] as const)
            : (['upload-complete', '?1', '?0'] as const);
        const [name, yes, no] = names;
        const type = version < 6 ? 'application/octet-stream' : 'application/partial-upload';
        const ask = { 'upload-draft-interop-version': version };
        const head = await context.send('HEAD', upload.target, ask);
        assert.equal(head.headers[name], no, `version ${version}`);
        const headers = { ...ask, 'content-type': type, 'upload-offset': BEGUN, [name]: yes };
        const last = await context.send('PATCH', upload.target, headers, REST);
        assert.deepEqual([last.status, last.headers[name]], [201, yes], `version ${version}`);
        await context.assertCompleted(upload);
      }
    },
  },
  {
    promise: 'OPTIONS tells the limits',
    section: draft('4.1.4'),
    async run({ send, begun }) {
      const upload = await begun();
      for (const target of ['/v1/uploads', upload.target]) {
        assert.match((await send('OPTIONS', target, IETF)).headers['upload-limit'] ?? '', /^max-size=\d+/);
      }
    },
  },
  {
    promise: 'two dialects may take turns on one upload',
    section: rule('one resource, every dialect over one engine'),
    async run(context) {
      const upload = await context.session();
      assert.equal((await append(context, upload, [0, '?0'], FILE.subarray(0, 30_000))).status, 204);
      assert.equal((await context.patch(upload, 30_000, FILE.subarray(30_000, 80_000))).status, 204);
      const last = await append(context, upload, [80_000, '?1'], FILE.subarray(80_000));
      assert.equal(last.status, 201);
      assert.equal((await context.send('PUT', upload.target, {}, FILE)).status, 201, 'the same file again');
      await context.assertCompleted(upload);
    },
  },
];
