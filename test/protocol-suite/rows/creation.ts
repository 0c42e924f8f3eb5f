import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { RawAnswer } from '../../protocols/raw-http.ts';
import { assertRefused, type Context, FILE, PATCH, TUS, type Upload, type User } from '../context.ts';
import type { Headers } from '../line.ts';
import { type Row, rule, tus } from '../row.ts';

const NOTHING = Buffer.alloc(0);
const base64 = (text: string) => Buffer.from(text).toString('base64');

function create(context: Context, user: User, headers: Headers, body: Uint8Array = NOTHING) {
  const all = { ...TUS, authorization: user.authorization, ...headers };
  return context.send('POST', '/v1/uploads', all, body);
}

/** The upload that an answer to a creation points to. */
export function createdUpload(answer: RawAnswer, user: User): Upload {
  assert.equal(answer.status, 201, answer.text);
  const { pathname, search } = new URL(answer.headers.location ?? '', 'http://relative');
  return { id: pathname.split('/').at(-1) ?? '', target: `${pathname}${search}`, user };
}

/** The extensions "creation", "creation-with-upload" and "creation-defer-length". */
export const CREATION_ROWS: readonly Row[] = [
  {
    promise: 'POST creates: 201, an empty upload at Location, its metadata told as it was sent',
    section: tus('Creation'),
    async run(context) {
      const user = context.user();
      const metadata = `filename ${base64('Fähre.mp4')},filetype ${base64('video/mp4')},is_private`;
      const answer = await create(context, user, {
        'upload-length': FILE.length,
        'upload-metadata': metadata,
      });
      const upload = createdUpload(answer, user);
      assert.ok(Date.parse(answer.headers['upload-expires'] ?? '') > 0);
      const head = await context.send('HEAD', upload.target, TUS);
      assert.equal(head.headers['upload-metadata'], metadata);
      assert.equal(head.headers['upload-offset'], '0');
      const { filename, file_format } = await context.status(upload);
      assert.deepEqual({ filename, file_format }, { filename: 'Fähre.mp4', file_format: 'mp4' });
      assert.deepEqual(await context.quota(user), { used: 0, reserved: FILE.length });
      await context.finish(upload);
    },
  },
  {
    promise: 'bytes may come with the creation, some or all of them',
    section: tus('Creation With Upload'),
    async run(context) {
      for (const first of [1, 70_000, FILE.length]) {
        const user = context.user();
        const headers = { ...PATCH, 'upload-length': FILE.length };
        const answer = await create(context, user, headers, FILE.subarray(0, first));
        assert.equal(answer.headers['upload-offset'], String(first));
        const upload = createdUpload(answer, user);
        if (first < FILE.length) await context.finish(upload);
        else await context.assertCompleted(upload);
      }
    },
  },
  {
    promise: 'bytes with the creation need their content type: 415, and nothing is created',
    section: tus('Creation With Upload'),
    async run(context) {
      const user = context.user();
      const headers = { 'upload-length': FILE.length, 'content-type': 'video/mp4' };
      assertRefused(await create(context, user, headers, FILE), 415, 'UNSUPPORTED_MEDIA_TYPE');
      assert.deepEqual(await context.quota(user), { used: 0, reserved: 0 });
    },
  },
  {
    promise: 'a deferred length is told as deferred, is set once, and never changes',
    section: tus('Creation: Upload-Defer-Length'),
    async run(context) {
      const user = context.user();
      const upload = createdUpload(await create(context, user, { 'upload-defer-length': 1 }), user);
      const before = await context.send('HEAD', upload.target, TUS);
      assert.deepEqual(
        [before.headers['upload-defer-length'], before.headers['upload-length']],
        ['1', undefined],
      );
      await context.patch(upload, 0, FILE.subarray(0, 50_000));
      for (const [length, status] of [
        [49_999, 400],
        [10 ** 12, 413],
        ['many', 400],
      ] as const) {
        const answer = await context.patch(upload, 50_000, NOTHING, { 'upload-length': length });
        assert.equal(answer.status, status, `Upload-Length: ${length}`);
      }
      const set = { 'upload-length': FILE.length };
      assert.equal((await context.patch(upload, 50_000, FILE.subarray(50_000, 80_000), set)).status, 204);
      const after = await context.send('HEAD', upload.target, TUS);
      assert.deepEqual(
        [after.headers['upload-defer-length'], after.headers['upload-length']],
        [undefined, String(FILE.length)],
      );
      const changed = { 'upload-length': FILE.length + 1 };
      const refused = await context.patch(upload, 80_000, FILE.subarray(80_000), changed);
      assertRefused(refused, 400, 'INVALID_REQUEST');
      assert.equal(await context.offset(upload), 80_000);
      await context.finish(upload);
    },
  },
  {
    promise: 'both lengths, neither, or one that is none are 400, and nothing is created',
    section: tus('Creation: Upload-Length'),
    async run(context) {
      const user = context.user();
      const rows: Headers[] = [
        {},
        { 'upload-length': 5, 'upload-defer-length': 1 },
        { 'upload-defer-length': 0 },
        ...['-1', '1e6', '0x10', 'NaN', '9007199254740992'].map((bad) => ({ 'upload-length': bad })),
      ];
      for (const headers of rows) {
        assertRefused(await create(context, user, headers), 400, 'INVALID_REQUEST');
      }
      assert.deepEqual(await context.quota(user), { used: 0, reserved: 0 });
    },
  },
  {
    promise: 'malformed metadata is 400, and nothing is created',
    section: tus('Creation: Upload-Metadata'),
    async run(context) {
      const user = context.user();
      for (const metadata of ['filename !!!', 'a b c', 'a YQ==,a YQ==', 'a YQ=', 'source_section IA==']) {
        const headers = { 'upload-length': 5, 'upload-metadata': metadata };
        assertRefused(await create(context, user, headers), 400, 'INVALID_REQUEST');
      }
      assert.deepEqual(await context.quota(user), { used: 0, reserved: 0 });
    },
  },
  {
    promise: 'over the maximum is 413, over the quota 429, empty 415, without a user 401: nothing is created',
    section: rule('creation is the admission of initiate'),
    async run(context) {
      const user = context.user();
      const { max_file_size } = (
        await context.json(user, 'POST', 'initiate', {
          dashboard_context: { source_section: 'suite', workflow_type: 'single_upload' },
          expected_file_size: 1,
        })
      ).json();
      const over = { 'upload-length': Number(max_file_size) + 1 };
      assertRefused(await create(context, user, over), 413, 'FILE_TOO_LARGE');
      assertRefused(await create(context, user, { 'upload-length': 0 }), 415, 'UNSUPPORTED_FORMAT');
      const nobody = { authorization: 'Bearer nonsense', 'upload-length': 5 };
      assertRefused(await create(context, user, nobody), 401, 'UNAUTHENTICATED');
      assert.deepEqual(await context.quota(user), { used: 0, reserved: 1 });

      const poor = context.user();
      const admin = context.user(['manage_quota', 'create_sessions']);
      const limit = Buffer.from(JSON.stringify({ quota_limit: FILE.length }));
      const headers = { authorization: admin.authorization, 'content-type': 'application/json' };
      const set = await context.send('PUT', `/v1/admin/users/${poor.id}/quota`, headers, limit);
      assert.equal(set.status, 200, set.text);
      const one = { 'upload-length': FILE.length };
      const upload = createdUpload(await create(context, poor, one), poor);
      const refused = await create(context, poor, { 'upload-length': 1 });
      assertRefused(refused, 429, 'QUOTA_EXCEEDED');
      assert.ok(Number(refused.headers['retry-after']) > 0);
      assert.deepEqual(await context.quota(poor), { used: 0, reserved: FILE.length });
      await context.finish(upload);
    },
  },
  {
    promise: 'a creation without the permission is 403',
    section: rule('creation is the admission of initiate'),
    async run(context) {
      const user = context.user(['upload_files']);
      const answer = await create(context, user, { 'upload-length': 5 });
      assertRefused(answer, 403, 'PERMISSION_DENIED');
    },
  },
  {
    promise: 'OPTIONS tells version, extensions, size and algorithms, whatever version is asked',
    section: tus('Core: OPTIONS'),
    async run({ send, begun }) {
      const upload = await begun();
      for (const target of ['/v1/uploads', upload.target, `/v1/uploads/${randomUUID()}`]) {
        for (const headers of [{}, { 'tus-resumable': '0.0.1' }]) {
          const answer = await send('OPTIONS', target, headers);
          assert.equal(answer.status, 204);
          assert.equal(answer.headers['tus-version'], '1.0.0');
          assert.equal(answer.headers['tus-checksum-algorithm'], 'sha1,sha256,crc32c');
          assert.ok(Number(answer.headers['tus-max-size']) > 0);
          const offered = answer.headers['tus-extension']?.split(',') ?? [];
          for (const extension of [
            'creation',
            'creation-with-upload',
            'creation-defer-length',
            'termination',
            'checksum',
            'checksum-trailer',
            'expiration',
            'concatenation',
          ]) {
            assert.ok(offered.includes(extension), extension);
          }
        }
      }
    },
  },
];
