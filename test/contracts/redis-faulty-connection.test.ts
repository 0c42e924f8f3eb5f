import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectedRedis, sharedRedisPort } from '../helpers/redis.ts';

test('a connection that has two faults, one after the other, does not end the process', async (t) => {
  const redis = await connectedRedis(sharedRedisPort());
  t.after(() => redis.disconnect());
  const { stream } = redis;
  const tell = (fault: string) => stream.emit('error', new Error(fault));
  assert.ok(tell('its certificate is not trusted'));
  assert.ok(tell('tlsv1 alert decode error'), 'somebody listens still');
  assert.equal(await redis.ping(), 'PONG');

  stream.destroy();
  await new Promise((resolve) => redis.once('ready', resolve));
  assert.notEqual(redis.stream, stream);
  for (const fault of ['a first', 'a second']) assert.ok(redis.stream.emit('error', new Error(fault)));
});
