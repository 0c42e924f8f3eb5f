import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { test } from 'node:test';
import { hasCode } from './helpers/has-code.ts';
import { seededRandom } from './helpers/random.ts';
import { startedService } from './helpers/service.ts';
import { until } from './helpers/until.ts';
import { videoFile } from './helpers/videos.ts';

const service = startedService();

test('the end of a session is waited for, where the request that it stopped is answered first', async (t) => {
  service.proxy.set({ kind: 'hold', bytes: 1_000_000 });
  const upload = service.client().upload(videoFile('ending.mp4', 20_000_000, seededRandom(1)));
  await until(upload, ({ bytesUploaded, state }) => bytesUploaded > 0 && state === 'uploading');
  let early = 3;
  const ask = globalThis.fetch;
  t.mock.method(globalThis, 'fetch', async (...asked: Parameters<typeof fetch>) => {
    const response = await ask(...asked);
    const told = await response.clone().json();
    if (told.status !== 'cancelled' || early === 0) return response;
    early -= 1;
    return Response.json({ ...told, status: 'active' });
  });

  const cancelling = httpRequest(upload.snapshot().session?.uploadUrl ?? '', {
    method: 'DELETE',
    agent: false,
  });
  const [response] = await once(cancelling.end(), 'response');
  await response.resume().toArray();
  assert.equal(response.statusCode, 204);
  await assert.rejects(upload.done, hasCode('UPLOAD_CANCELLED'));
  assert.equal(early, 0, 'it asked again');
});
