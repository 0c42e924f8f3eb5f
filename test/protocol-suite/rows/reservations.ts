import assert from 'node:assert/strict';
import { chunked } from '../../protocols/raw-http.ts';
import { assertRefused, type Context, FILE, LARGE, PATCH, type Upload, type User } from '../context.ts';
import { type Row, rule } from '../row.ts';

const CHUNKED = { 'transfer-encoding': 'chunked' };

async function poorUser(context: Context, limit: number): Promise<User> {
  const poor = context.user();
  const admin = context.user(['manage_quota']);
  const headers = { authorization: admin.authorization, 'content-type': 'application/json' };
  const body = Buffer.from(JSON.stringify({ quota_limit: limit }));
  const set = await context.send('PUT', `/v1/admin/users/${poor.id}/quota`, headers, body);
  assert.equal(set.status, 200, set.text);
  return poor;
}

/** A session of unknown length whose first PATCH told a small one, so that it has only that reserved. */
async function shrunk(context: Context, owner: User): Promise<Upload> {
  const upload = await context.session({ expected_file_size: undefined }, owner);
  const told = await context.patch(upload, 0, FILE.subarray(0, 10), { 'upload-length': 5000 });
  assert.equal(told.status, 204);
  return upload;
}

/** What is reserved while the length is unknown, and how it grows. */
export const RESERVATION_ROWS: readonly Row[] = [
  {
    promise: 'a length that is told makes the reservation as small; a longer file makes it grow, streaming',
    section: rule('Limits hold while streaming: "grown atomically"'),
    async run(context) {
      const owner = context.user();
      const upload = await shrunk(context, owner);
      assert.deepEqual(await context.quota(owner), { used: 0, reserved: 5000 });
      assert.equal((await context.send('PUT', upload.target, CHUNKED, FILE)).status, 201);
      await context.assertCompleted(upload);
    },
  },
  {
    promise: 'where the quota has no room to grow into: 429 with Retry-After, nothing beyond is reserved',
    section: rule('Limits hold while streaming: "or the answer is 429"'),
    async run(context) {
      const owner = await poorUser(context, FILE.length + 1000);
      const upload = await shrunk(context, owner);
      const other = await context.session({ expected_file_size: FILE.length - 5000 }, owner);
      for (const headers of [{}, CHUNKED]) {
        const answer = await context.send('PUT', upload.target, headers, FILE);
        assertRefused(answer, 429, 'QUOTA_EXCEEDED');
        assert.ok(Number(answer.headers['retry-after']) > 0);
      }
      assert.deepEqual(await context.quota(owner), { used: 0, reserved: FILE.length });
      assert.equal((await context.send('DELETE', other.target)).status, 204);
      assert.equal((await context.send('PUT', upload.target, {}, FILE)).status, 201);
      await context.assertCompleted(upload);
    },
  },
  {
    promise: 'bytes of unknown length past max_file_size are 413, and not one beyond is stored',
    section: rule('Limits hold while streaming'),
    async run(context) {
      const limit = 20_000_000;
      const owner = await poorUser(context, limit);
      const upload = await context.session({ expected_file_size: undefined }, owner);
      const headers = { ...PATCH, 'upload-offset': 0, ...CHUNKED };
      assertRefused(await context.send('PATCH', upload.target, headers, LARGE), 413, 'FILE_TOO_LARGE');
      const stored = await context.offset(upload);
      assert.ok(stored <= limit, `${stored} bytes are stored`);
      assert.deepEqual(await context.quota(owner), { used: 0, reserved: limit });
      const rest = { 'upload-length': limit - 1 };
      assert.equal(
        (await context.patch(upload, stored, LARGE.subarray(stored, limit - 1), rest)).status,
        204,
      );
      assert.equal(await context.offset(upload), limit - 1);
    },
  },
  {
    promise: 'what is no video is refused at its first 4 KiB, though the client still sends',
    section: rule('Look at the bytes: "as soon as the first 4 KiB are there"'),
    async run(context) {
      for (const headers of [
        { ...PATCH, 'upload-offset': 0, 'content-length': FILE.length },
        { ...PATCH, 'upload-offset': 0, ...CHUNKED },
      ]) {
        const upload = await context.session();
        const one = context.line();
        await one.begin('PATCH', upload.target, headers);
        const text = Buffer.alloc(4096, 'no video at all ');
        await one.send('transfer-encoding' in headers ? chunked(text, { end: false }) : text);
        assertRefused(await one.answer(), 415, 'UNSUPPORTED_FORMAT');
        await one.raw.closed;
        await context.assertGone(upload, 'failed');
      }
    },
  },
  {
    promise: 'a length nobody told is told by no dialect',
    section: rule('Plain, tus, IETF: "Upload-Length if known"'),
    async run(context) {
      const upload = await context.session({ expected_file_size: undefined });
      for (const [headers, deferred] of [
        [{}, undefined],
        [{ 'tus-resumable': '1.0.0' }, '1'],
        [{ 'upload-draft-interop-version': 8 }, undefined],
      ] as const) {
        const head = await context.send('HEAD', upload.target, headers);
        assert.deepEqual(
          [head.headers['upload-offset'], head.headers['upload-length'], head.headers['upload-defer-length']],
          ['0', undefined, deferred],
        );
      }
    },
  },
];
