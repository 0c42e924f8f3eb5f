import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceProcess } from './service.ts';
import { twoServices } from './two-services.ts';
import { videoOf } from './videos.ts';

const SIZE = 12_000_000;
const TUS = { 'tus-resumable': '1.0.0' };

test('partial uploads at two processes are joined by whichever is asked, by both at once too', async (t) => {
  const { first, second, user, assertCompleted } = await twoServices(t, {
    UPLOAD_DEFAULT_QUOTA: String(2 * SIZE),
  });
  const services = [first, second];
  let used = 0;

  for (const seed of [1, 2]) {
    const file = videoOf(SIZE, seed);
    const urls = await Promise.all(
      [0, 1, 2].map((n) =>
        partial(services[n % 2] ?? first, file.subarray((n * SIZE) / 3, ((n + 1) * SIZE) / 3)),
      ),
    );
    const create = (service: ServiceProcess) => post(service, { 'upload-concat': `final;${urls.join(' ')}` });
    const answers = await Promise.all([create(first), create(second), create(first), create(second)]);
    // One that was overtaken says so, and is told the upload when it asks again.
    for (const { status } of answers) assert.ok([201, 409].includes(status), `it was told ${status}`);
    const again = await Promise.all(services.map(create));
    assert.deepEqual(
      again.map(({ status }) => status),
      [201, 201],
    );
    const ids = [...answers, ...again].flatMap(({ location }) => (location === '' ? [] : [idIn(location)]));
    assert.equal(new Set(ids).size, 1);
    used += SIZE;
    const [id = ''] = ids;
    await assertCompleted({ id, url: new URL(again[0]?.location ?? '', first.url) }, file, used);
  }

  async function post(service: ServiceProcess, headers: Record<string, string>) {
    const authorization = `Bearer ${service.token({ user })}`;
    const answer = await fetch(`${service.url}/v1/uploads`, {
      method: 'POST',
      headers: { ...TUS, authorization, ...headers },
    });
    await answer.arrayBuffer();
    return { status: answer.status, location: answer.headers.get('location') ?? '' };
  }

  async function partial(service: ServiceProcess, bytes: Buffer): Promise<string> {
    const { status, location } = await post(service, {
      'upload-concat': 'partial',
      'upload-length': String(bytes.length),
    });
    assert.equal(status, 201);
    const sent = await fetch(new URL(location, service.url), {
      method: 'PATCH',
      headers: { ...TUS, 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' },
      body: Uint8Array.from(bytes),
    });
    assert.equal(sent.status, 204);
    return location;
  }
});

function idIn(location: string): string {
  return /uploads\/([0-9a-f-]{36})/.exec(location)?.[1] ?? '';
}
