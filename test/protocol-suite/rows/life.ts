import assert from 'node:assert/strict';
import { until } from '../../e2e/until.ts';
import { videoOf } from '../../e2e/videos.ts';
import { assertRefused, BEGUN, FILE, IETF, LARGE, PATCH, TUS } from '../context.ts';
import { type Row, rule, tus } from '../row.ts';

/** How long uploads live, and what is left of them. */
export const LIFE_ROWS: readonly Row[] = [
  {
    promise: 'a session nobody feeds expires: 410 in every dialect, its reservation and its bytes gone',
    section: `${rule('Life')}; ${tus('Expiration')}`,
    async run({ begun, status, send, patch, assertGone }) {
      const upload = await begun();
      await until('it expires', async () => (await status(upload)).status === 'expired', 60_000);
      assert.equal((await send('HEAD', upload.target, TUS)).status, 410);
      assert.equal((await send('HEAD', upload.target, IETF)).status, 410);
      assertRefused(await patch(upload, BEGUN, FILE.subarray(BEGUN)), 410, 'SESSION_EXPIRED');
      assertRefused(await send('PUT', upload.target, {}, FILE), 410, 'SESSION_EXPIRED');
      await assertGone(upload, 'expired');
    },
  },
  {
    promise: 'each stored byte moves the end of the session',
    section: rule('Life'),
    async run({ begun, status, patch, finish }) {
      const upload = await begun();
      const before = Date.parse(String((await status(upload)).expires_at));
      const later = performance.now() + 2000;
      await until('time passes', async () => {
        assert.equal((await patch(upload, BEGUN, Buffer.alloc(0))).status, 204);
        return performance.now() > later;
      });
      const head = await patch(upload, BEGUN, FILE.subarray(BEGUN, BEGUN + 1));
      const after = Date.parse(String((await status(upload)).expires_at));
      assert.ok(after > before, 'it is later now');
      assert.equal(
        Math.floor(Date.parse(head.headers['upload-expires'] ?? '') / 1000),
        Math.floor(after / 1000),
      );
      await finish(upload);
    },
  },
  {
    promise: 'a large file in uneven pieces, cut and resumed, is what was sent',
    section: rule('Offset, S3'),
    async run({ session, line, offset, reaches, finish }) {
      const upload = await session({ expected_file_size: LARGE.length });
      const sizes = [4_999_999, 1, 9_437_184, 300_000];
      let at = 0;
      for (const size of sizes) {
        const one = line();
        const headers = { ...PATCH, 'upload-offset': at, 'content-length': LARGE.length - at };
        await one.begin('PATCH', upload.target, headers);
        await one.send(LARGE.subarray(at, at + size));
        one.raw.hangUp();
        at += size;
        await reaches(upload, at);
      }
      assert.equal(await offset(upload), at);
      await finish(upload, LARGE);
    },
  },
  {
    promise: 'PUT onto much that is stored already replaces all of it',
    section: 'RFC 9110, section 9.3.4',
    async run({ session, patch, send, assertCompleted }) {
      const upload = await session({ expected_file_size: LARGE.length });
      assert.equal((await patch(upload, 0, LARGE.subarray(0, 17_000_000))).status, 204);
      const other = videoOf(LARGE.length, 2);
      assert.equal((await send('PUT', upload.target, {}, other)).status, 201);
      await assertCompleted(upload, other);
    },
  },
  {
    promise: 'cancelling an upload with much stored leaves nothing behind',
    section: rule('Life'),
    async run({ session, patch, send, assertGone }) {
      const upload = await session({ expected_file_size: LARGE.length });
      assert.equal((await patch(upload, 0, LARGE.subarray(0, 17_000_000))).status, 204);
      assert.equal((await send('DELETE', upload.target)).status, 204);
      await assertGone(upload, 'cancelled');
    },
  },
];
