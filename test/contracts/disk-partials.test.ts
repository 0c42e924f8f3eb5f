import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { renameSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createPartials } from '../../src/stores/disk/partials.ts';
import { createPaths, formatStorage } from '../../src/stores/disk/paths.ts';

/** What is noted in the session store: a file that a newer writer has taken away. */
const STORAGE = formatStorage({ generation: 1, forked: false });

/** Partial files of one upload; `onAsked` is told of each one right before it is opened. */
async function openPartials(t: TestContext, onAsked: (generation: number, pathOf: PathOf) => void) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-partials-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const paths = createPaths({ uploadFolder: join(folder, 'uploads'), tempFolder: join(folder, 'temp') });
  await mkdir(paths.tempFolder);
  const sessionId = randomUUID();
  const pathOf = (generation: number) => paths.partial(sessionId, generation);
  const partials = createPartials({
    ...paths,
    partial(id, generation) {
      onAsked(generation, pathOf);
      return paths.partial(id, generation);
    },
  });
  return { ref: { sessionId, storage: STORAGE }, tempFolder: paths.tempFolder, pathOf, partials };
}

type PathOf = (generation: number) => string;

/** Newer writers copy the bytes on whenever somebody is about to open the file he has found, so many times. */
function takenAway(times: number) {
  let newest = 2;
  return (generation: number, pathOf: PathOf) => {
    if (generation !== newest || newest === 2 + times) return;
    newest += 1;
    renameSync(pathOf(generation), pathOf(newest));
  };
}

for (const times of [1, 2, 5]) {
  test(`bytes that newer writers take away ${times} times, each just as it was found, are found`, async (t) => {
    const bytes = randomBytes(10_000);
    const at = { offset: bytes.length, epoch: 20, sole: false };
    const read = await openPartials(t, takenAway(times));
    await writeFile(read.pathOf(2), bytes);
    const file = await read.partials.openToRead(read.ref, bytes.length);
    assert.ok((await file?.readFile())?.equals(bytes));
    await file?.close();

    const written = await openPartials(t, takenAway(times));
    await writeFile(written.pathOf(2), bytes);
    const opened = await written.partials.open(written.ref, at);
    await opened.file.close();
    assert.equal(opened.offset, bytes.length, 'no byte that was acknowledged is given up');
  });
}

test('a copy that was cut off is not taken for the whole one, which went away just now', async (t) => {
  const bytes = randomBytes(10_000);
  const { ref, pathOf, partials } = await openPartials(t, takenAway(1));
  // The newest copy is made behind the one that was cut off.
  await writeFile(pathOf(2), bytes);
  await writeFile(join(pathOf(9)), bytes.subarray(0, 100));
  const opened = await partials.open(ref, { offset: bytes.length, epoch: 20, sole: false });
  await opened.file.close();
  assert.equal(opened.offset, bytes.length);
});

test('where bytes are lost in truth, what is left of them is found', async (t) => {
  const { ref, pathOf, partials } = await openPartials(t, () => {});
  const at = { offset: 10_000, sole: false };
  await writeFile(pathOf(2), randomBytes(100));
  await writeFile(pathOf(3), randomBytes(300));
  const opened = await partials.open(ref, { ...at, epoch: 20 });
  await opened.file.close();
  assert.equal(opened.offset, 300);
  await partials.removeAll(ref.sessionId);
  const empty = await partials.open(ref, { ...at, epoch: 21 });
  await empty.file.close();
  assert.equal(empty.offset, 0);
});

test('a copy that fails leaves nothing behind, and the bytes where they were', async (t) => {
  const { ref, tempFolder, pathOf, partials } = await openPartials(t, () => {});
  // What can be opened and not read, as on a disk that fails.
  await mkdir(pathOf(1));
  await assert.rejects(partials.open(ref, { offset: 10, epoch: 2, sole: false }), { code: 'EISDIR' });
  assert.deepEqual(await readdir(tempFolder), [`${ref.sessionId}.1.part`]);
});
