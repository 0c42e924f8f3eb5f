import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { exchange } from '../../protocols/raw-http.ts';
import { ORIGIN } from '../answers.ts';
import { type Row, rule } from '../row.ts';

/** Every header that a client of one of the dialects sends. */
const SENT =
  'authorization,content-type,tus-resumable,upload-offset,upload-length,upload-defer-length,upload-metadata,upload-checksum,upload-concat,upload-complete,upload-incomplete,upload-draft-interop-version,content-digest,repr-digest,want-repr-digest,content-disposition,x-http-method-override,idempotency-key';

/** What only a browser asks for. */
export const BROWSER_ROWS: readonly Row[] = [
  {
    promise: 'a preflight allows every method and every header of every dialect',
    section: 'Fetch standard, "CORS-preflight request"',
    async run({ send }) {
      for (const target of ['/v1/uploads', `/v1/uploads/${randomUUID()}`]) {
        for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']) {
          const asked = { 'access-control-request-method': method, 'access-control-request-headers': SENT };
          const { status, headers } = await send('OPTIONS', target, asked);
          assert.equal(status, 204);
          const allowed = (name: string) => (headers[name] ?? '').toLowerCase().split(/\s*,\s*/);
          assert.ok(allowed('access-control-allow-methods').includes(method.toLowerCase()), method);
          const missing = SENT.split(',').filter(
            (name) => !allowed('access-control-allow-headers').includes(name),
          );
          assert.deepEqual(missing, []);
        }
      }
    },
  },
  {
    promise: 'a page of an origin that is not allowed gets no leave to read',
    section: rule('CORS'),
    async run({ port, begun }) {
      const upload = await begun();
      const answer = await exchange(port, 'HEAD', upload.target, { origin: 'https://elsewhere.example' });
      assert.notEqual(answer.headers['access-control-allow-origin'], 'https://elsewhere.example');
      assert.notEqual(answer.headers['access-control-allow-origin'], '*');
      assert.notEqual(answer.headers['access-control-allow-origin'], ORIGIN);
    },
  },
  {
    promise: 'an unknown address and a method that is not offered are told to a page, too',
    section: rule('CORS: "every answer, errors included"'),
    async run({ send, begun }) {
      assert.equal((await send('GET', '/v1/nothing')).status, 404);
      assert.equal((await send('GET', '/v1/uploads')).status, 405);
      const upload = await begun();
      assert.equal((await send('TRACE', upload.target)).status, 405);
      assert.equal((await send('PATCH', '/v1/uploads/not-a-uuid', { 'tus-resumable': '1.0.0' })).status, 400);
    },
  },
];
