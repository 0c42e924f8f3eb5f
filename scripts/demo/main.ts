/**
 * npm run demo: a real video is sent, cut in the middle, resumed and counted. Every step is checked; the exit
 * code is 0 only where each went as it should.
 *
 *   npm run demo                                       against a service it starts itself
 *   npm run demo -- --url http://… --token …           against yours (or SLUICE_URL and SLUICE_TOKEN)
 *   npm run demo -- --seconds 10 holiday.mp4           another video, another pace
 */
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startServiceProcess } from '../lib/service-process.ts';
import { createDashboard } from './dashboard.ts';
import { askOffset, patchFrom, putAndCut, type Video } from './sending.ts';
import { createTerminal, size } from './terminal.ts';

const SAMPLE = fileURLToPath(new URL('../../test/fixtures/sample.mp4', import.meta.url));

/** How long the service may take to notice a cut connection. */
const NOTICE_DEADLINE_MS = 5_000;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    url: { type: 'string', default: process.env.SLUICE_URL ?? '' },
    token: { type: 'string', default: process.env.SLUICE_TOKEN ?? '' },
    seconds: { type: 'string', default: '3' },
  },
});
const terminal = createTerminal(process.stdout);

try {
  const path = positionals[0] ?? SAMPLE;
  const video = { path, size: (await stat(path)).size };
  if (options.url) {
    assert(options.token, 'A service of yours needs a token too: --token, or SLUICE_TOKEN.');
    await demonstrate(options.url, options.token, video);
  } else {
    const service = await startServiceProcess();
    try {
      await demonstrate(service.url, service.token({ user: randomUUID() }), video);
    } finally {
      await service.stop();
    }
  }
} catch (error) {
  terminal.failed(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function demonstrate(baseUrl: string, token: string, video: Video): Promise<void> {
  const dashboard = createDashboard(baseUrl, token);
  const name = basename(video.path);
  terminal.title(`${name} (${size(video.size)}) → ${baseUrl}`);

  const before = await dashboard.quota();
  terminal.done('Quota before', `${size(before.quota_used)} of ${size(before.quota_limit)} used`);

  const format = extname(name).slice(1).toLowerCase();
  const session = await dashboard.initiate({ name, format, size: video.size });
  const url = new URL(session.upload_url, baseUrl);
  terminal.done('Session', `${session.session_id}, ${size(video.size)} reserved`);

  const half = Math.max(1, Math.floor(video.size / 2));
  await withBar('Sending (PUT)', video, (pace) => putAndCut(url, video, half, pace));
  terminal.cut('Connection cut', `after ${size(half)}`);

  let offset = await offsetAfterCut(url, half);
  terminal.done('Kept (HEAD)', `${size(offset)}: the upload goes on from there`);

  await withBar('Resuming (tus)', video, async (pace) => {
    let reached = await patchFrom(url, video, offset, pace);
    // The bytes of the old connection may have been counted only after HEAD looked.
    for (let again = 0; reached === null && again < 3; again += 1) {
      offset = await askOffset(url);
      reached = await patchFrom(url, video, offset, pace);
    }
    assert.equal(reached, video.size, `The upload stopped at ${reached} of ${video.size} bytes.`);
  });

  const status = await dashboard.status(session.session_id);
  assert.equal(status.status, 'completed', `The session reads ${status.status} instead of completed.`);
  assert.equal(status.sha256, await digestOf(video.path), 'The stored file is not the one that was sent.');
  terminal.done('Completed', `sha256 ${status.sha256}`);

  const validation = await dashboard.validate(session.session_id, status.user_id);
  assert.equal(validation.is_owner, true, 'The user is not the owner of the own session.');
  assert.equal(validation.session_status?.status, 'completed', 'Validation does not see the completion.');
  terminal.done('Validated', 'completed, and this user is its owner');

  const after = await dashboard.quota();
  const counted = after.quota_used - before.quota_used;
  assert.equal(counted, video.size, `${counted} bytes were counted instead of ${video.size}.`);
  terminal.done('Quota after', `${size(after.quota_used)} of ${size(after.quota_limit)} used, counted once`);
}

async function withBar(
  label: string,
  video: Video,
  send: (pace: { seconds: number; onProgress(bytes: number): void }) => Promise<void>,
): Promise<void> {
  const bar = terminal.progress(label, video.size);
  try {
    await send({ seconds: Number(options.seconds), onProgress: (bytes) => bar.show(bytes) });
  } finally {
    bar.finish();
  }
}

/** The offset once the service has noticed the cut and stored what had arrived. */
async function offsetAfterCut(url: URL, sent: number): Promise<number> {
  const giveUpAt = performance.now() + NOTICE_DEADLINE_MS;
  let offset = await askOffset(url);
  while (offset < sent && performance.now() < giveUpAt) {
    await delay(50);
    offset = await askOffset(url);
  }
  assert(
    offset > 0 && offset <= sent,
    `The service says it has ${offset} of the ${sent} bytes that were sent.`,
  );
  return offset;
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
