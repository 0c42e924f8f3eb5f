/**
 * The service as it is, but for one thing: it kills itself with SIGKILL at a named point. Started by the tests
 * in place of `sluice serve`. `SLUICE_CRASH_AT` names a file; while that holds the name of a point, the process
 * that comes by there first removes it and is gone, so that the one after it lives on.
 */
import { readFileSync, rmSync } from 'node:fs';
import { pino } from 'pino';
import { loadConfig } from '../../src/config.ts';
import type { BlobWriter } from '../../src/core/ports.ts';
import type { Stores } from '../../src/main/open-stores.ts';
import { startService } from '../../src/main.ts';
import type { CrashPoint } from './crash-points.ts';

const { SLUICE_CRASH_AT: file = '', ...environment } = process.env;

function crashAt(point: CrashPoint): void {
  let armed = '';
  try {
    armed = readFileSync(file, 'utf8');
  } catch {
    // Not armed.
  }
  if (armed !== point) return;
  rmSync(file);
  process.kill(process.pid, 'SIGKILL');
}

function crashing(stores: Stores): Stores {
  const { sessions, blobs, ledger } = stores;
  return {
    ...stores,
    sessions: {
      ...sessions,
      async admit(admission) {
        const result = await sessions.admit(admission);
        if (result.kind === 'admitted') crashAt('after admit');
        return result;
      },
      async finish(sessionId, completion) {
        crashAt('between ledger and finish');
        const finished = await sessions.finish(sessionId, completion);
        crashAt('between finish and answer');
        return finished;
      },
    },
    blobs: {
      ...blobs,
      async open(ref, at) {
        return dyingWriter(await blobs.open(ref, at));
      },
    },
    ledger: {
      ...ledger,
      async settle(settlement) {
        crashAt('between fsync and ledger');
        return ledger.settle(settlement);
      },
    },
  };
}

/** Dies when half a dozen batches are written. */
function dyingWriter(writer: BlobWriter): BlobWriter {
  const { writeBy } = writer;
  let writes = 0;
  async function counted(written: Promise<void>): Promise<void> {
    await written;
    writes += 1;
    if (writes === 6) crashAt('mid-append');
  }
  return {
    ...writer,
    write: (chunks) => counted(writer.write(chunks)),
    ...(writeBy && { writeBy: (store, chunks) => counted(writeBy(store, chunks)) }),
  };
}

const loaded = loadConfig(environment, 'embedded');
if (!loaded.ok) throw new Error(loaded.faults.join('\n'));
const log = pino({ level: 'warn' }, pino.destination({ fd: process.stderr.fd, sync: true }));
const service = await startService(loaded.config, log, crashing);
process.stdout.write(`${service.url}\n`);
