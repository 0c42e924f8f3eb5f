/** What a test lets a browser do with the package. Bundled and loaded into a page, so it imports nothing of Node. */
import { createClient } from '../../src/browser.ts';
import type { PageRun, PageRunResult } from './page-run.ts';
import { seededRandom } from './random.ts';
import { sha256Of, videoFile } from './videos.ts';

export async function uploadOne(run: PageRun): Promise<PageRunResult> {
  const { seed, size, baseUrl, token, declare } = run;
  const file = videoFile(`page-run-${seed}.mp4`, size, seededRandom(seed));
  const client = createClient({ baseUrl, token, retry: { baseMs: 1, maxMs: 20, attempts: 100 } });
  const { session_id: sessionId, status } = await client.upload(file, { sha256: declare }).done;
  return { sessionId, status, sha256: await sha256Of(file) };
}
