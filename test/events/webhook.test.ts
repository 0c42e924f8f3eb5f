import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { readSigningKey } from '../../src/config/webhook.ts';
import type { OutboxEvent } from '../../src/core/outbox.ts';
import type { DeliveryResult } from '../../src/events/delivery.ts';
import { createWebhook, type WebhookOptions } from '../../src/events/webhook.ts';
import { type Receiver, startReceiver } from './receiver.ts';

const SECRET = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
const KEYS = [readSigningKey(SECRET) ?? Buffer.alloc(0)];
const EVENT: OutboxEvent = {
  id: 'upload-completed-2f1c',
  kind: 'upload.completed',
  subject: '2f1c',
  payload: '{"bytes":1.0,"filename":"Größe „x“ 🏖"}',
  createdAt: Date.UTC(2026, 0, 1),
  attempts: 1,
};

function promise(what: string, body: (receiver: Receiver) => Promise<void>): void {
  test(`webhook: ${what}`, async () => {
    const receiver = await startReceiver();
    try {
      await body(receiver);
    } finally {
      await receiver.close();
    }
  });
}

function deliver(url: string, options: Partial<WebhookOptions> = {}): Promise<DeliveryResult> {
  const webhook = createWebhook({ url, keys: KEYS, allowPrivate: true, ...options });
  return webhook(EVENT, new AbortController().signal);
}

async function assertFails(delivery: Promise<DeliveryResult>, reason: RegExp): Promise<DeliveryResult> {
  const result = await delivery;
  assert.ok(result.kind === 'failed', 'it did not arrive');
  assert.match(result.reason, reason);
  return result;
}

promise('an event arrives as Standard Webhooks wants it, and verifies', async (receiver) => {
  assert.deepEqual(await deliver(receiver.url), { kind: 'delivered' });
  const [request] = receiver.received;
  assert.ok(request);
  assert.equal(request.path, '/hook?from=sluice');
  assert.equal(request.headers['content-type'], 'application/json');
  assert.equal(request.headers['webhook-id'], EVENT.id);
  const verified = new Webhook(SECRET).verify(request.body, request.headers);
  assert.deepEqual(verified, {
    type: 'upload.completed',
    timestamp: '2026-01-01T00:00:00.000Z',
    data: { bytes: 1, filename: 'Größe „x“ 🏖' },
  });
  assert.ok(request.body.includes(EVENT.payload), 'the payload is sent as it was written down');
});

promise('any 2xx is a receipt, whatever its body; everything else is a failure', async (receiver) => {
  for (const status of [200, 201, 202, 204, 299]) {
    receiver.answerWith((response) => response.writeHead(status).end(status === 204 ? '' : 'not read'));
    assert.deepEqual(await deliver(receiver.url), { kind: 'delivered' }, String(status));
  }
  for (const status of [400, 404, 410, 429, 500, 503]) {
    receiver.answerWith((response) => response.writeHead(status).end('no'));
    await assertFails(deliver(receiver.url), new RegExp(`answered ${status}`));
  }
});

promise('redirects are not followed', async (receiver) => {
  const other = await startReceiver();
  try {
    for (const status of [301, 302, 303, 307, 308]) {
      receiver.answerWith((response) => response.writeHead(status, { location: other.url }).end());
      await assertFails(deliver(receiver.url), /redirects are not followed/);
    }
    assert.equal(other.connections(), 0);
  } finally {
    await other.close();
  }
});

promise('a receiver that never answers is given up in time', async (receiver) => {
  receiver.answerWith(() => {});
  await assertFails(deliver(receiver.url, { timeoutMs: 300 }), /no answer within 0.3 s/);
});

promise('one that accepts connections and says nothing is given up in time', async () => {
  const mute = createServer().listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const address = mute.address();
  assert.ok(address && typeof address === 'object');
  try {
    await assertFails(deliver(`http://127.0.0.1:${address.port}/`, { timeoutMs: 300 }), /no answer within/);
  } finally {
    mute.close();
  }
});

promise('an answer without an end is read for a while, and its status counts', async (receiver) => {
  const stopped = Promise.withResolvers<void>();
  receiver.answerWith((response) => {
    response.writeHead(200);
    const flood = setInterval(() => response.write(Buffer.alloc(32 * 1024)), 1);
    response.on('close', () => {
      clearInterval(flood);
      stopped.resolve();
    });
  });
  assert.deepEqual(await deliver(receiver.url), { kind: 'delivered' });
  await stopped.promise;

  receiver.answerWith((response) => response.writeHead(200).write('begun, never ended'));
  assert.deepEqual(await deliver(receiver.url, { timeoutMs: 2000 }), { kind: 'delivered' });
});

promise('a receiver that is gone, or breaks off, is a failure with its reason', async (receiver) => {
  receiver.answerWith((response) => response.destroy());
  await assertFails(deliver(receiver.url), /socket hang up|ECONNRESET/);
  await receiver.leave();
  await assertFails(deliver(receiver.url), /ECONNREFUSED/);
  await assertFails(deliver('http://name.invalid/'), /name\.invalid/);
});

promise('Retry-After is passed on, in seconds or as a date', async (receiver) => {
  receiver.answerWith((response) => response.writeHead(503, { 'retry-after': '120' }).end());
  assert.deepEqual(await deliver(receiver.url), {
    kind: 'failed',
    reason: 'answered 503',
    retryAfterMs: 120_000,
  });
  const later = new Date(Date.now() + 60_000).toUTCString();
  receiver.answerWith((response) => response.writeHead(429, { 'retry-after': later }).end());
  const result = await deliver(receiver.url);
  assert.ok(result.kind === 'failed' && Math.abs((result.retryAfterMs ?? 0) - 60_000) < 5_000);
  receiver.answerWith((response) => response.writeHead(429, { 'retry-after': 'soon' }).end());
  assert.deepEqual(await deliver(receiver.url), { kind: 'failed', reason: 'answered 429' });
});

promise('when the service stops, a delivery under way is broken off', async (receiver) => {
  receiver.answerWith(() => {});
  const stopping = new AbortController();
  const webhook = createWebhook({ url: receiver.url, keys: KEYS, allowPrivate: true });
  const delivery = webhook(EVENT, stopping.signal);
  await receiver.until(1);
  stopping.abort();
  await assertFails(delivery, /the service was stopped/);
});

promise('no way of writing a loopback address gets there unless that is allowed', async (receiver) => {
  const v6 = await startReceiver('::1');
  try {
    const hosts = [
      '127.0.0.1',
      'localhost',
      '2130706433',
      '0x7f.1',
      '0177.0.0.1',
      '127.1',
      '0',
      '[::ffff:127.0.0.1]',
    ];
    for (const host of hosts) {
      const url = `http://${host}:${receiver.port}/`;
      await assertFails(deliver(url, { allowPrivate: false }), /is not a public address/);
      assert.deepEqual(await deliver(url), { kind: 'delivered' }, `${host} is allowed`);
    }
    assert.equal(receiver.connections(), hosts.length, 'one connection each, where it was allowed');
    await assertFails(deliver(v6.url, { allowPrivate: false }), /is not a public address/);
    assert.equal(v6.connections(), 0);
  } finally {
    await v6.close();
  }
});

promise('a connection that got through to an address inside carries no byte', async (receiver) => {
  // As a resolver that answers otherwise than it was judged by.
  const lying: NonNullable<WebhookOptions['lookup']> = (_, { all }, callback) => {
    const found = { address: '127.0.0.1', family: 4 };
    if (all) callback(null, [found]);
    else callback(null, found.address, found.family);
  };
  const url = `http://hook.example:${receiver.port}/`;
  await assertFails(deliver(url, { allowPrivate: false, lookup: lying }), /127\.0\.0\.1 is not a public/);
  assert.equal(receiver.bytes(), 0);
  assert.deepEqual(await deliver(url, { lookup: lying }), { kind: 'delivered' }, 'it would have arrived');
  assert.equal(receiver.received.length, 1);
});
