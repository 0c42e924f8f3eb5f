import assert from 'node:assert/strict';
import {
  assertRefused,
  type Context,
  FILE,
  IETF,
  LARGE,
  PATCH,
  TUS,
  type Upload,
  type User,
} from '../context.ts';
import type { Headers } from '../line.ts';
import { type Row, tus } from '../row.ts';
import { createdUpload } from './creation.ts';

function post({ send }: Context, user: User, headers: Headers, body: Uint8Array | null = null) {
  return send('POST', '/v1/uploads', { ...TUS, authorization: user.authorization, ...headers }, body);
}

/** A partial upload of these bytes, the first `stored` of which are there. */
async function piece(
  context: Context,
  user: User,
  bytes: Uint8Array,
  stored = bytes.length,
): Promise<Upload> {
  const headers = { 'upload-concat': 'partial', 'upload-length': bytes.length };
  const upload = createdUpload(await post(context, user, headers), user);
  assert.equal((await context.patch(upload, 0, bytes.subarray(0, stored))).status, 204);
  return upload;
}

const final = (...pieces: Upload[]) => ({
  'upload-concat': `final;${pieces.map(({ target }) => target).join(' ')}`,
});

/** The extension "concatenation". */
export const CONCATENATION_ROWS: readonly Row[] = [
  {
    promise: 'pieces in their order become one file, counted once, and nothing of them stays',
    section: tus('Concatenation'),
    async run(context) {
      for (const [file, cuts] of [
        [FILE, [50_000, 50_001]],
        [LARGE, [9_000_000, 15_000_000]],
      ] as const) {
        const user = context.user();
        const ends = [...cuts, file.length];
        const pieces = await Promise.all(
          ends.map((to, n) => piece(context, user, file.subarray(ends[n - 1] ?? 0, to))),
        );
        assert.deepEqual(await context.quota(user), { used: 0, reserved: file.length });
        const told = await context.send('HEAD', pieces[0]?.target ?? '', TUS);
        assert.equal(told.headers['upload-concat'], 'partial');

        const whole = createdUpload(await post(context, user, final(...pieces)), user);
        const head = await context.send('HEAD', whole.target, TUS);
        assert.equal(head.headers['upload-concat'], final(...pieces)['upload-concat']);
        assert.equal(head.headers['upload-length'], String(file.length));
        await context.assertCompleted(whole, file);
        for (const { id } of pieces) assert.deepEqual(await context.backend.stored(id), []);
      }
    },
  },
  {
    promise: 'the same creation of a final upload gives the same upload again',
    section: tus('Concatenation'),
    async run(context) {
      const user = context.user();
      const pieces = [
        await piece(context, user, FILE.subarray(0, 60_000)),
        await piece(context, user, FILE.subarray(60_000)),
      ];
      const first = await post(context, user, final(...pieces));
      const again = await post(context, user, final(...pieces));
      assert.equal(again.headers.location?.split('?')[0], first.headers.location?.split('?')[0]);
      await context.assertCompleted(createdUpload(again, user));
    },
  },
  {
    promise: 'what cannot be a final upload is 400, and the pieces stay as they are',
    section: tus('Concatenation'),
    async run(context) {
      const user = context.user();
      const full = await piece(context, user, FILE.subarray(0, 60_000));
      const short = await piece(context, user, FILE.subarray(60_000), 10_000);
      const plain = await context.session({}, user);
      for (const headers of [
        final(full, short),
        final(full, full),
        final(full, plain),
        { ...final(full), 'upload-length': 60_000 },
        { 'upload-concat': 'final;' },
        { 'upload-concat': 'whole', 'upload-length': 5 },
      ]) {
        assertRefused(await post(context, user, headers), 400, 'INVALID_REQUEST');
      }
      assert.equal(await context.offset(short), 10_000);
      assert.equal((await context.patch(short, 10_000, FILE.subarray(70_000))).status, 204);
      const whole = createdUpload(await post(context, user, final(full, short)), user);
      await context.assertFile(whole, FILE);
    },
  },
  {
    promise: 'pieces of another user are not joined: 403',
    section: tus('Concatenation'),
    async run(context) {
      const theirs = await piece(context, context.user(), FILE);
      assertRefused(await post(context, context.user(), final(theirs)), 403, 'UNAUTHORIZED_ACCESS');
      assert.equal(await context.offset(theirs), FILE.length);
    },
  },
  {
    promise: 'a final upload takes no bytes: 403; a piece takes them by tus alone',
    section: tus('Concatenation: "The Server MUST respond with 403 to a PATCH against a final upload"'),
    async run(context) {
      const user = context.user();
      const part = await piece(context, user, FILE, 60_000);
      assertRefused(await context.send('PUT', part.target, {}, FILE), 409, 'CONFLICT');
      const append = { ...IETF, 'content-type': 'application/partial-upload', 'upload-offset': 60_000 };
      const ietf = { ...append, 'upload-complete': '?1' };
      const answer = await context.send('PATCH', part.target, ietf, FILE.subarray(60_000));
      assertRefused(answer, 409, 'CONFLICT');
      assert.equal((await context.patch(part, 60_000, FILE.subarray(60_000))).status, 204);
      const whole = createdUpload(await post(context, user, final(part)), user);
      const more = { ...PATCH, 'upload-offset': FILE.length };
      assert.equal((await context.send('PATCH', whole.target, more, Buffer.from('x'))).status, 403);
      await context.assertCompleted(whole);
    },
  },
];
