import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { readSigningKey } from '../../src/config/webhook.ts';
import { signatures } from '../../src/events/signature.ts';

const secretOf = (bytes: number, fill = 7): string => `whsec_${Buffer.alloc(bytes, fill).toString('base64')}`;

function keyOf(secret: string): Buffer {
  const key = readSigningKey(secret);
  assert.ok(key, `${secret} is a secret`);
  return key;
}

test('the reference verifier of Standard Webhooks takes our signatures, and with other bytes refuses them', () => {
  const secret = secretOf(32);
  const timestamp = Math.floor(Date.now() / 1000);
  const message = { id: 'upload-completed-1', timestamp, body: '{"name":"Größe „x“ 🏖"}' };
  const headers = {
    'webhook-id': message.id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatures([keyOf(secret)], message),
  };
  const verifier = new Webhook(secret);
  assert.deepEqual(verifier.verify(message.body, headers), { name: 'Größe „x“ 🏖' });
  assert.throws(() => verifier.verify(`${message.body} `, headers));
  assert.throws(() => verifier.verify(message.body, { ...headers, 'webhook-id': 'another' }));
  assert.throws(() => new Webhook(secretOf(32, 8)).verify(message.body, headers));
});

test('while a key is changed, receivers with the old and with the new one both verify', () => {
  const [before, after] = [secretOf(24, 1), secretOf(64, 2)];
  const timestamp = Math.floor(Date.now() / 1000);
  const message = { id: 'a', timestamp, body: '{}' };
  const headers = {
    'webhook-id': 'a',
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatures([keyOf(after), keyOf(before)], message),
  };
  for (const secret of [before, after]) new Webhook(secret).verify('{}', headers);
});

test('a secret is whsec_ and 24 to 64 bytes of base64, nothing else', () => {
  for (const bytes of [24, 32, 64]) assert.equal(keyOf(secretOf(bytes)).length, bytes);
  assert.ok(readSigningKey(secretOf(25).replaceAll('=', '')), 'padding may be missing');
  const bad = [
    '',
    'whsec_',
    secretOf(23),
    secretOf(65),
    secretOf(32).slice('whsec_'.length),
    'whsec_a secret that is no base64 at all',
    `${secretOf(32)}!`,
    secretOf(32).replace('Bw', '-_'),
  ];
  for (const secret of bad) assert.equal(readSigningKey(secret), null, secret);
});
