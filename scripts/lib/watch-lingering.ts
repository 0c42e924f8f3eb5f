/**
 * Loaded into the process of every test file, before it. A file whose tests are over but whose process does not
 * end has left something open: it would hold up the whole run. It is ended, and says what it left.
 */
import { after } from 'node:test';
import { isMainThread } from 'node:worker_threads';

/** Time to close what is closing, once the last test is over. */
const GRACE_MS = Number(process.env.SLUICE_TEST_GRACE_MS ?? 20_000);

if (isMainThread) {
  // A run that is stopped ends its files by this signal, which alone would leave behind what they have started.
  process.once('SIGTERM', () => process.exit(143));
  after(() => {
    // It keeps nothing alive itself, and fires only where something else does.
    setTimeout(endProcess, GRACE_MS).unref();
  });
}

function endProcess(): void {
  const left = process.getActiveResourcesInfo().join(', ');
  process.stderr.write(`All its tests are over, but it does not end. Left open: ${left}\n`);
  process.exit(1);
}
