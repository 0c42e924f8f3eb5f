import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { startStopwatch } from '../helpers/stopwatch.ts';
import { ORIGIN } from './answers.ts';
import { type BackendName, startBackend } from './backend.ts';
import { APPEND, assertRefused, createContext, FILE, LARGE, PATCH } from './context.ts';
import type { Line } from './line.ts';

/** Milliseconds that running requests get when the service stops; the process is gone soon after. */
const GRACE_MS = 10_000;
/** Bytes of LARGE that are sent before the service stops. */
const SENT = 17_000_000;

for (const name of ['SQLite and disk', 'Redis and S3'] satisfies BackendName[]) {
  test(`${name}: SIGTERM with uploads of all kinds running: each is answered, and goes on after the restart`, async (t) => {
    const backend = await startBackend(name, { CORS_ORIGINS: ORIGIN });
    t.after(() => backend.stop());
    const context = createContext(backend);
    const large = () => context.session({ expected_file_size: LARGE.length });

    // Half of their bytes are there, and they stand still.
    const resumable = [
      { upload: await large(), headers: { ...PATCH, 'upload-offset': 0 } },
      { upload: await large(), headers: { ...APPEND, 'upload-offset': 0, 'upload-complete': '?1' } },
    ];
    const lines: Line[] = [];
    for (const { upload, headers } of resumable) {
      const line = context.line();
      await line.begin('PATCH', upload.target, { ...headers, 'content-length': LARGE.length });
      await line.send(LARGE.subarray(0, SENT));
      lines.push(line);
    }
    // This one sends on and on.
    const endless = await large();
    const sender = context.line();
    await sender.begin('PUT', endless.target, { 'content-length': LARGE.length });
    let sending = true;
    const sendingOn = (async () => {
      for (let at = 0; sending && at < LARGE.length - 1000; at += 1000) {
        await sender.send(LARGE.subarray(at, at + 1000));
      }
    })();
    lines.push(sender);
    // This one has sent its last byte.
    const last = await context.session();
    const ending = context.line();
    await ending.begin('PUT', last.target, { 'content-length': FILE.length }, FILE);
    // And this one nothing at all.
    const idle = connect(context.port, '127.0.0.1');
    idle.on('error', () => {});

    const told = await Promise.all(resumable.map(({ upload }) => context.offset(upload)));
    const elapsedMs = startStopwatch();
    const ended = backend.service.kill('SIGTERM');
    const answers = await Promise.all(lines.map((line) => line.answer()));
    for (const answer of answers) {
      assertRefused(answer, 503, 'STORAGE_UNAVAILABLE');
      assert.ok(Number(answer.headers['retry-after']) > 0);
    }
    assert.ok([201, 503].includes((await ending.answer()).status));
    sending = false;
    assert.equal(await ended, 0, backend.service.output.slice(-2000));
    const took = elapsedMs();
    assert.ok(took < GRACE_MS, `it took ${took} ms`);
    t.diagnostic(`gone after ${took.toFixed(0)} ms`);
    for (const line of [...lines, ending]) line.cut();
    idle.destroy();
    await sendingOn;

    await backend.service.restart();
    for (const [n, { upload }] of resumable.entries()) {
      const offset = await context.offset(upload);
      t.diagnostic(`told ${told[n]}, kept ${offset} of ${SENT}`);
      assert.ok(offset >= (told[n] ?? 0) && offset <= SENT, `${offset}, told ${told[n]}`);
      await context.finish(upload, LARGE);
    }
    for (const [upload, file] of [
      [endless, LARGE],
      [last, FILE],
    ] as const) {
      assert.equal((await context.send('PUT', upload.target, {}, file)).status, 201);
      await context.assertCompleted(upload, file);
    }
  });
}
