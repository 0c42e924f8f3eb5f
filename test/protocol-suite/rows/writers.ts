import assert from 'node:assert/strict';
import { startStopwatch } from '../../helpers/stopwatch.ts';
import { assertRefused, BEGUN, type Context, FILE, PATCH, type Upload } from '../context.ts';
import { append } from '../ietf-append.ts';
import type { Line } from '../line.ts';
import { draft, type Row, rule } from '../row.ts';

const REST = FILE.subarray(BEGUN);

/** An append that has sent some bytes and stands still. */
async function running(context: Context, upload: Upload, bytes: number): Promise<Line> {
  const line = context.line();
  const headers = { ...PATCH, 'upload-offset': BEGUN, 'content-length': REST.length };
  await line.begin('PATCH', upload.target, headers);
  await line.send(REST.subarray(0, bytes));
  // S3 stores no piece of a part before the request ends.
  if (context.backend.name === 'Redis and S3') await context.status(upload);
  else await context.reaches(upload, BEGUN + bytes);
  return line;
}

/** One writer, the newest wins. */
export const WRITER_ROWS: readonly Row[] = [
  {
    promise: 'a new PATCH takes a stalled one over within a second; the old one is told, and nothing is lost',
    section: `${rule('One writer, the newest wins')}; ${draft('4.6')}`,
    async run(context) {
      const upload = await context.begun();
      const old = await running(context, upload, 30_000);
      const elapsedMs = startStopwatch();
      assert.equal((await context.resume(upload, FILE)).status, 204);
      // A second for the takeover; the rest is for a machine that is busy with other rows.
      assert.ok(elapsedMs() < 4000, `${elapsedMs()} ms`);
      assertRefused(await old.answer(), 409, 'CONFLICT');
      await old.raw.closed;
      await context.assertCompleted(upload);
    },
  },
  {
    promise: 'a PUT takes over too, and what the old writer still sends reaches nothing',
    section: rule('One writer, the newest wins'),
    async run(context) {
      const upload = await context.begun();
      const old = await running(context, upload, 30_000);
      void old.send(Buffer.alloc(50_000, 0xee));
      assert.equal((await context.send('PUT', upload.target, {}, FILE)).status, 201);
      assertRefused(await old.answer(), 409, 'CONFLICT');
      await context.assertCompleted(upload);
    },
  },
  {
    promise: 'an IETF append takes a tus PATCH over',
    section: draft('4.6'),
    async run(context) {
      const upload = await context.begun();
      const old = await running(context, upload, 30_000);
      const answer = await context.resume(upload, FILE, (_, offset, body) =>
        append(context, upload, [offset, '?1'], body),
      );
      assert.equal(answer.status, 201);
      assertRefused(await old.answer(), 409, 'CONFLICT');
      await context.assertCompleted(upload);
    },
  },
  {
    promise: 'HEAD, GET, OPTIONS and the status never stop a writer',
    section: rule('HEAD and status never disturb a writer'),
    async run(context) {
      const upload = await context.begun();
      const line = await running(context, upload, 10_000);
      for (const method of ['HEAD', 'GET', 'OPTIONS']) await context.send(method, upload.target);
      await context.offset(upload);
      await context.status(upload);
      await line.send(REST.subarray(10_000));
      assert.equal((await line.answer()).status, 204);
      line.cut();
      await context.assertCompleted(upload);
    },
  },
  {
    promise: 'a request that is refused before its bytes does not stop a writer',
    section: rule('One writer: "a request that wants to write"'),
    async run(context) {
      const upload = await context.begun();
      const line = await running(context, upload, 10_000);
      assert.equal((await context.patch(upload, 5, REST)).status, 409);
      assert.equal((await context.patch(upload, BEGUN, REST, { 'content-type': 'video/mp4' })).status, 415);
      assert.equal((await context.send('PUT', upload.target, {}, FILE.subarray(1))).status, 400);
      await line.send(REST.subarray(10_000));
      assert.equal((await line.answer()).status, 204);
      line.cut();
      await context.assertCompleted(upload);
    },
  },
  {
    promise: 'DELETE stops the writer at once and leaves nothing',
    section: rule('Plain: DELETE'),
    async run(context) {
      const upload = await context.begun();
      const line = await running(context, upload, 10_000);
      const elapsedMs = startStopwatch();
      assert.equal((await context.send('DELETE', upload.target)).status, 204);
      assertRefused(await line.answer(), 410, 'SESSION_EXPIRED');
      assert.ok(elapsedMs() < 4000);
      await context.assertGone(upload, 'cancelled');
    },
  },
  {
    promise: 'many writers at once, in all dialects: one file, as it was sent, counted once',
    section: rule('One writer, the newest wins; Completion'),
    async run(context) {
      const upload = await context.begun();
      const answers = await Promise.all([
        ...[0, 1, 2].map(() => context.patch(upload, BEGUN, REST)),
        ...[0, 1, 2].map(() => append(context, upload, [BEGUN, '?1'], REST)),
        ...[0, 1].map(() => context.send('PUT', upload.target, {}, FILE)),
      ]);
      for (const { status, text } of answers) assert.ok([201, 204, 409].includes(status), text);
      if ((await context.status(upload)).status === 'active') await context.finish(upload);
      await context.assertCompleted(upload);
    },
  },
];
