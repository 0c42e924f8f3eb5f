import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ORIGIN } from './answers.ts';
import { startBackend } from './backend.ts';
import { createContext, FILE, IETF } from './context.ts';

test('unless the operator says that no proxy takes it for a final answer, nobody gets a 104', async (t) => {
  const backend = await startBackend('SQLite and disk', { CORS_ORIGINS: ORIGIN });
  t.after(() => backend.stop());
  const context = createContext(backend);
  const user = context.user();
  const one = context.line();
  await one.begin('POST', '/v1/uploads', {
    ...IETF,
    authorization: user.authorization,
    'upload-complete': '?1',
    'content-length': FILE.length,
  });
  await one.send(FILE);
  const answer = await one.answer();
  assert.deepEqual([answer.status, answer.headers['upload-complete']], [201, '?1']);
  assert.deepEqual(one.raw.interim, []);
  one.cut();
});
