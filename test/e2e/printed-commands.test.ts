import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pasteCommands } from '../../scripts/lib/printed-commands.ts';
import { serviceFor, sharedRedis } from './service.ts';

test('the commands that the start prints upload a video when pasted', async (t) => {
  const service = await serviceFor(t);
  const { answer, status } = await pasteCommands(service.output);
  assert.deepEqual({ answered: answer.status, reads: status }, { answered: 'completed', reads: 'completed' });
});

test('the same commands work where sessions are kept in Redis', async (t) => {
  const service = await serviceFor(t, { env: sharedRedis().env });
  const { status } = await pasteCommands(service.output);
  assert.equal(status, 'completed');
});
