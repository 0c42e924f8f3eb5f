import assert from 'node:assert/strict';
import { until } from '../../e2e/until.ts';
import { type Context, LARGE } from '../context.ts';
import { type Row, rule } from '../row.ts';
import { direct, type SignedPart, signed } from './direct.ts';

/** What S3 answers to a part; it may refuse before all of it is sent, and close. */
async function put(url: string, bytes: Uint8Array<ArrayBuffer>): Promise<number> {
  return fetch(url, { method: 'PUT', body: bytes }).then(
    ({ status }) => status,
    () => 403,
  );
}

/** A direct session with the URL of its first part, and that part's bytes. */
async function begun(context: Context) {
  const upload = await direct(context);
  const [part] = await signed(context, upload, 1);
  assert.ok(part);
  return { upload, part, bytes: new Uint8Array(LARGE.subarray(0, part.size)) };
}

/** Signature Version 4, "Authenticating requests: query parameters". */
function endOf({ url }: SignedPart): number {
  const asked = new URL(url).searchParams;
  const [, day, time] = /^(\d{8})T(\d{6})Z$/.exec(asked.get('X-Amz-Date') ?? '') ?? [];
  const iso = `${day}T${time}`.replace(/^(....)(..)(..)T(..)(..)(..)$/, '$1-$2-$3T$4:$5:$6Z');
  return Date.parse(iso) + Number(asked.get('X-Amz-Expires')) * 1000;
}

/** How long the URLs of a direct upload are good for, and what that means for its reservation. */
export const DIRECT_LIFE_ROWS: readonly Row[] = [
  {
    promise: 'a URL ends with its session at the latest, and stores nothing afterwards',
    section: rule('S3: "presigned part URLs bound … for minutes"'),
    only: ['Redis and S3'],
    async run(context) {
      const { upload, part, bytes } = await begun(context);
      const { expires_at } = await context.status(upload);
      assert.ok(endOf(part) <= Date.parse(String(expires_at)), `${part.url}, ${expires_at}`);
      assert.equal(await put(`${part.url}0`, bytes), 403, 'another signature');
      const later = part.url.replace(/X-Amz-Expires=\d+/, 'X-Amz-Expires=600');
      assert.equal(await put(later, bytes), 403, 'another end');
      await until('its time is over', () => Date.now() > endOf(part) + 1000, 60_000);
      assert.ok([403, 404].includes(await put(part.url, bytes)));
      assert.equal((await context.quota(upload.user)).used, 0);
    },
  },
  {
    promise:
      'a cancelled direct session keeps its reservation while its URLs live, and they store nothing any more',
    section: rule('S3: direct mode'),
    only: ['Redis and S3'],
    async run(context) {
      const { upload, part, bytes } = await begun(context);
      assert.equal(await put(part.url, bytes), 200);
      assert.equal((await context.send('DELETE', upload.target)).status, 204);
      assert.ok(Date.now() < endOf(part));
      assert.deepEqual(await context.quota(upload.user), { used: 0, reserved: LARGE.length });
      assert.notEqual(await put(part.url, bytes), 200);
      assert.equal((await context.status(upload)).status, 'cancelled');
    },
  },
];
