import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertCompleted, patch } from './running.ts';
import { fakeMp4, startService } from './service.ts';

const FILE = fakeMp4(3_000_000);

test('a chunk that is there at once is acknowledged by one commit', async (t) => {
  let commits = 0;
  const service = await startService(t, {
    engine: { commitBytes: 1, commitIntervalMs: 60_000 },
    wrapSessions: (sessions) => ({
      ...sessions,
      commit(...args) {
        commits += 1;
        return sessions.commit(...args);
      },
    }),
  });
  const session = await service.newSession({ expectedFileSize: FILE.length });
  // The format is recognised in the first one, which may take commits of its own.
  assert.equal((await patch(service, session, 0, FILE.subarray(0, 10_000))).status, 204);
  commits = 0;
  for (let offset = 10_000; offset < FILE.length; offset += 500_000) {
    const answer = await patch(service, session, offset, FILE.subarray(offset, offset + 500_000));
    assert.equal(answer.status, 204);
  }
  // One that the machine held up on its way is not there at once.
  const chunks = Math.ceil((FILE.length - 10_000) / 500_000);
  assert.ok(commits >= chunks && commits < 2 * chunks, `${commits} commits for ${chunks} chunks`);
  await assertCompleted(service, session, FILE);
});
