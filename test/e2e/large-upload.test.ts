import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { answerTo, createClient, openUpload, writeOut } from './client.ts';
import { serviceFor } from './service.ts';
import { filesOfSession, sha256OfFile } from './stored-files.ts';
import { videoChunks } from './videos.ts';

const SIZE = 500_000_000;
const MAX_RSS = 150 * 1024 * 1024;

test('a 500 MB upload leaves the process under 150 MB of memory, and the file as it was sent', async (t) => {
  const service = await serviceFor(t);
  const client = createClient(service, randomUUID());
  const session = await client.session(SIZE);

  const hash = createHash('sha256');
  const request = openUpload(session.url, 'PUT', { 'Content-Length': SIZE });
  const answered = answerTo(request);
  for (const chunk of videoChunks(SIZE, 1)) {
    hash.update(chunk);
    // Where the service answers early and hangs up, that answer tells more than the broken pipe.
    const sent = await writeOut(request, chunk).then(
      () => true,
      () => false,
    );
    if (!sent) break;
  }
  request.end();
  const answer = await answered;
  assert.equal(answer.statusCode, 201, answer.text);

  const digest = hash.digest('hex');
  const { body } = await client.status(session.id);
  assert.equal(body.status, 'completed');
  assert.equal(body.sha256, digest);
  const files = filesOfSession(service.dataDir, session.id);
  assert.equal(files.length, 1, String(files));
  assert.equal(await sha256OfFile(files[0] ?? ''), digest);

  const peak = peakMemoryOf(service.pid);
  t.diagnostic(`peak memory: ${(peak / 1024 / 1024).toFixed(0)} MiB`);
  assert(peak < MAX_RSS, `the process held ${(peak / 1024 / 1024).toFixed(0)} MiB`);
});

/** Highest resident set of the process so far, in bytes (proc(5), VmHWM). */
function peakMemoryOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
