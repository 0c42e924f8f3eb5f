import assert from 'node:assert/strict';
import { assertRefused, type Context, FILE, LARGE, OTHER, type Upload } from '../context.ts';
import { type Row, rule } from '../row.ts';

export interface SignedPart {
  readonly part_number: number;
  readonly size: number;
  readonly url: string;
}

export function direct({ session }: Context, draft: object = {}): Promise<Upload> {
  return session({ transfer: 'direct', expected_file_size: LARGE.length, ...draft });
}

function ask({ send }: Context, { target }: Upload, method: string, path: string, body?: object) {
  const [place, query] = target.split('?');
  const bytes = body === undefined ? null : Buffer.from(JSON.stringify(body));
  return send(
    method,
    `${place}/${path}?${query}`,
    bytes ? { 'content-type': 'application/json' } : {},
    bytes,
  );
}

export async function signed(context: Context, upload: Upload, ...numbers: number[]): Promise<SignedPart[]> {
  const answer = await ask(context, upload, 'POST', 'parts', { part_numbers: numbers });
  assert.equal(answer.status, 200, answer.text);
  return answer.json().parts as SignedPart[];
}

/** Send a part to S3; gives what `complete` wants to know of it. */
async function sendPart(part: SignedPart, bytes: Uint8Array<ArrayBuffer>) {
  const answer = await fetch(part.url, { method: 'PUT', body: bytes });
  return { status: answer.status, part_number: part.part_number, etag: answer.headers.get('etag') ?? '' };
}

async function sendAll(context: Context, upload: Upload, file: Buffer) {
  const parts = await signed(context, upload, 1, 2, 3);
  let at = 0;
  const sent = parts.map((part) => {
    const bytes = new Uint8Array(file.subarray(at, at + part.size));
    at += part.size;
    return sendPart(part, bytes);
  });
  return (await Promise.all(sent)).map(({ part_number, etag }) => ({ part_number, etag }));
}

/** Nothing is stored or counted; what is reserved comes back when the last URL can no longer be used. */
async function assertFailed(context: Context, upload: Upload): Promise<void> {
  assert.equal((await context.status(upload)).status, 'failed');
  assert.equal((await context.quota(upload.user)).used, 0);
  assert.deepEqual(await context.backend.stored(upload.id), []);
}

/** Parts that go from the client to S3 itself. */
export const DIRECT_ROWS: readonly Row[] = [
  {
    promise:
      'parts sent to the bucket in any order are completed as one file, and again with the same answer',
    section: rule('S3: direct mode'),
    only: ['Redis and S3'],
    async run(context) {
      const upload = await direct(context);
      const parts = await sendAll(context, upload, LARGE);
      const listed = (await ask(context, upload, 'GET', 'parts')).json().parts as { size: number }[];
      assert.equal(
        listed.reduce((sum, { size }) => sum + size, 0),
        LARGE.length,
      );
      const answers = [
        await ask(context, upload, 'POST', 'complete', { parts }),
        await ask(context, upload, 'POST', 'complete', { parts }),
      ];
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200],
      );
      assert.equal(answers[0]?.text, answers[1]?.text);
      await context.assertCompleted(upload, LARGE);
    },
  },
  {
    promise: 'a URL takes its part alone, in its length alone, under its key alone',
    section: rule('S3: "presigned part URLs bound to key, number and exact length"'),
    only: ['Redis and S3'],
    async run(context) {
      const upload = await direct(context);
      const [one] = await signed(context, upload, 1);
      assert.ok(one);
      const bytes = new Uint8Array(LARGE.subarray(0, one.size));
      for (const [url, body] of [
        [one.url, bytes.subarray(1)],
        [one.url, new Uint8Array([...bytes, 1])],
        [one.url, new Uint8Array(0)],
        [one.url.replace('partNumber=1', 'partNumber=2'), bytes],
        [one.url.replace(upload.id, upload.id.replace(/.{4}$/, '0000')), bytes],
      ] as const) {
        // It may be refused before all of it is sent.
        const status = await fetch(url, { method: 'PUT', body }).then(
          (answer) => answer.status,
          () => 403,
        );
        assert.equal(status, 403, url);
      }
      const { parts } = (await ask(context, upload, 'GET', 'parts')).json();
      assert.deepEqual(parts, []);
    },
  },
  {
    promise: 'missing parts and wrong ETags are 409, and change nothing',
    section: rule('S3: direct mode'),
    only: ['Redis and S3'],
    async run(context) {
      const upload = await direct(context);
      const parts = await sendAll(context, upload, LARGE);
      const wrong = parts.map((part) => ({ ...part, etag: '"0123456789abcdef0123456789abcdef"' }));
      for (const body of [{ parts: parts.slice(1) }, { parts: wrong }]) {
        assertRefused(await ask(context, upload, 'POST', 'complete', body), 409, 'CONFLICT');
      }
      assert.equal((await ask(context, upload, 'POST', 'complete', { parts })).status, 200);
      await context.assertCompleted(upload, LARGE);
    },
  },
  {
    promise: 'another file than the declared one is 422, what is no video 415: nothing is kept or counted',
    section: rule('S3: "verifies size, first bytes and digest"'),
    only: ['Redis and S3'],
    async run(context) {
      const declared = await direct(context, { sha256: 'ab'.repeat(32) });
      const parts = await sendAll(context, declared, LARGE);
      assertRefused(await ask(context, declared, 'POST', 'complete', { parts }), 422, 'DIGEST_MISMATCH');
      await assertFailed(context, declared);

      const noVideo = await direct(context, { expected_file_size: FILE.length });
      const [part] = await signed(context, noVideo, 1);
      assert.ok(part);
      const { part_number, etag } = await sendPart(part, new Uint8Array(FILE.length).fill(7));
      const body = { parts: [{ part_number, etag }] };
      assertRefused(await ask(context, noVideo, 'POST', 'complete', body), 415, 'UNSUPPORTED_FORMAT');
      await assertFailed(context, noVideo);
    },
  },
  {
    promise: 'bytes for a direct session are not taken by the resource itself',
    section: rule('S3: direct mode'),
    only: ['Redis and S3'],
    async run(context) {
      const upload = await direct(context, { expected_file_size: OTHER.length });
      assertRefused(await context.send('PUT', upload.target, {}, OTHER), 409, 'CONFLICT');
      assertRefused(await context.patch(upload, 0, OTHER), 409, 'CONFLICT');
    },
  },
];
