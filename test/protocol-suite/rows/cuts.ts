import assert from 'node:assert/strict';
import { BEGUN, FILE, PATCH } from '../context.ts';
import { draft, type Row, rule, tus } from '../row.ts';

const REST = FILE.subarray(BEGUN);
const CHUNK = 20_000;
const HEADS = {
  length: { ...PATCH, 'upload-offset': BEGUN, 'content-length': REST.length },
  chunks: { ...PATCH, 'upload-offset': BEGUN, 'transfer-encoding': 'chunked' },
};

/** What is sent before the line is cut, and how many of its bytes are the file's. */
interface Cut {
  readonly where: string;
  readonly head: keyof typeof HEADS;
  readonly body: readonly (string | Uint8Array)[];
  readonly bytes: number;
}

const size = `${CHUNK.toString(16)}\r\n`;
const chunk = REST.subarray(0, CHUNK);
const lastChunk = [`${(REST.length - CHUNK).toString(16)}\r\n`, REST.subarray(CHUNK)];

const CUTS: readonly Cut[] = [
  { where: 'between head and body', head: 'length', body: [], bytes: 0 },
  { where: 'after the first byte', head: 'length', body: [REST.subarray(0, 1)], bytes: 1 },
  { where: 'in the middle of the body', head: 'length', body: [REST.subarray(0, 44_444)], bytes: 44_444 },
  { where: 'before the last byte', head: 'length', body: [REST.subarray(0, -1)], bytes: REST.length - 1 },
  { where: 'before the first chunk', head: 'chunks', body: [], bytes: 0 },
  { where: 'in a chunk header', head: 'chunks', body: [size.slice(0, 2)], bytes: 0 },
  { where: 'after a chunk header', head: 'chunks', body: [size], bytes: 0 },
  { where: 'in a chunk', head: 'chunks', body: [size, chunk.subarray(0, 7)], bytes: 7 },
  { where: 'between a chunk and its end', head: 'chunks', body: [size, chunk], bytes: CHUNK },
  { where: 'between two chunks', head: 'chunks', body: [size, chunk, '\r\n'], bytes: CHUNK },
  { where: 'in the second chunk header', head: 'chunks', body: [size, chunk, '\r\n1'], bytes: CHUNK },
];

/** These have every byte of the file, so it is complete though the request is not. */
const LATE_CUTS: readonly Omit<Cut, 'bytes'>[] = [
  { where: 'before the last chunk', head: 'chunks', body: [size, chunk, '\r\n', ...lastChunk, '\r\n'] },
  { where: 'in the last chunk', head: 'chunks', body: [size, chunk, '\r\n', ...lastChunk, '\r\n0\r'] },
  { where: 'in a trailer', head: 'chunks', body: [size, chunk, '\r\n', ...lastChunk, '\r\n0\r\nX-Some: th'] },
  { where: 'before the answer is read', head: 'length', body: [REST] },
];

/** Cut at every kind of boundary: closed, so that all arrives that was sent. */
export const CUT_ROWS: readonly Row[] = [
  {
    promise: 'a request cut in its own head changes nothing',
    section: 'RFC 9112, section 8',
    async run({ begun, line, port, offset, finish }) {
      const upload = await begun();
      const whole = `PATCH ${upload.target} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ntus-resumable: 1.0.0\r\n`;
      for (const part of [whole.slice(0, 3), whole.slice(0, 60), whole]) {
        const one = line();
        await one.send(part);
        one.raw.hangUp();
        await one.raw.closed;
      }
      assert.equal(await offset(upload), BEGUN);
      await finish(upload);
    },
  },
  ...CUTS.map(
    ({ where, head, body, bytes }): Row => ({
      promise: `a request cut ${where} keeps exactly its ${bytes} bytes, and the upload resumes there`,
      section: `${rule('Offset')}; ${tus('Core: PATCH')}; ${draft('4.4.2')}`,
      async run({ begun, line, reaches, finish }) {
        const upload = await begun();
        const one = line();
        await one.begin('PATCH', upload.target, HEADS[head]);
        for (const piece of body) await one.send(piece);
        one.raw.hangUp();
        await one.raw.closed;
        await reaches(upload, BEGUN + bytes);
        await finish(upload);
      },
    }),
  ),
  ...LATE_CUTS.map(
    ({ where, head, body }): Row => ({
      promise: `a request cut ${where} has brought the whole file: it is completed, once`,
      section: rule('Completion'),
      async run({ begun, line, reaches, assertCompleted }) {
        const upload = await begun();
        const one = line();
        await one.begin('PATCH', upload.target, HEADS[head]);
        for (const piece of body) await one.send(piece);
        one.raw.hangUp();
        await reaches(upload, FILE.length);
        await assertCompleted(upload);
      },
    }),
  ),
  {
    promise: 'a request that is reset keeps a prefix of what was sent, and the upload resumes there',
    section: rule('Offset'),
    async run({ begun, line, offset, finish }) {
      const upload = await begun();
      let before = BEGUN;
      for (let n = 0; n < 5; n += 1) {
        const one = line();
        const headers = { ...PATCH, 'upload-offset': before, 'content-length': FILE.length - before };
        await one.begin('PATCH', upload.target, headers);
        await one.send(FILE.subarray(before, before + 10_000));
        one.cut();
        await one.raw.closed;
        const after = await offset(upload);
        assert.ok(after >= before && after <= before + 10_000, `${before} → ${after}`);
        before = after;
      }
      await finish(upload);
    },
  },
  {
    promise: 'a body that is no chunked coding ends the request; what came before it is kept',
    section: 'RFC 9112, section 7.1',
    async run({ begun, line, reaches, finish }) {
      const upload = await begun();
      const one = line();
      await one.begin('PATCH', upload.target, HEADS.chunks);
      await one.send(size);
      await one.send(chunk);
      await one.send('\r\nnonsense\r\n');
      await one.raw.closed;
      await reaches(upload, BEGUN + CHUNK);
      await finish(upload);
    },
  },
];
