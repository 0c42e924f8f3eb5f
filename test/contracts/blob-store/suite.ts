import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import type { BlobRef, BlobStore, BlobWriter } from '../../../src/core/ports.ts';

/**
 * What every blob store promises. `open` makes a store of its own for one test, and removes it afterwards.
 */
export function blobStoreContract(name: string, open: (t: TestContext) => Promise<BlobStore>): void {
  const MIB = 1 << 20;

  interface Upload {
    readonly sessionId: string;
    storage: string | null;
    epoch: number;
  }

  const newUpload = (): Upload => ({ sessionId: randomUUID(), storage: null, epoch: 0 });

  function openWriter(store: BlobStore, upload: Upload, offset: number, sole = true): Promise<BlobWriter> {
    upload.epoch += 1;
    return store.open({ ...upload }, { offset, length: null, epoch: upload.epoch, sole });
  }

  /** Write, close, and take down where the bytes are, as the engine does. */
  async function write(store: BlobStore, upload: Upload, offset: number, bytes: Uint8Array) {
    const writer = await openWriter(store, upload, offset);
    await writer.write([Buffer.from(bytes)]);
    await writer.close();
    upload.storage = writer.progress().storage;
    return writer.progress().offset;
  }

  async function readAll(store: BlobStore, ref: BlobRef, length?: number): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    for await (const piece of store.read(ref, length === undefined ? {} : { length })) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  const keyOf = (store: BlobStore, upload: Upload) => store.storageKey(upload, Date.now(), 'mp4');

  test(`${name}: what was written is read back, byte for byte`, async (t) => {
    const store = await open(t);
    const upload = newUpload();
    const bytes = randomBytes(3 * MIB + 17);
    assert.equal(await write(store, upload, 0, bytes), bytes.length);
    assert.ok((await readAll(store, upload)).equals(bytes));
  });

  test(`${name}: a closed writer has stored everything it was given, in pieces of any size`, async (t) => {
    const store = await open(t);
    const upload = newUpload();
    const sizes = [1, 0, 4095, 4097, 65_536, 2, 700_001];
    const pieces = sizes.map((size) => randomBytes(size));
    const expected = Buffer.concat(pieces);
    const writer = await openWriter(store, upload, 0);
    await writer.write(pieces.slice(0, 4));
    await writer.write(pieces.slice(4));
    await writer.close();
    assert.equal(writer.progress().offset, expected.length);
    assert.ok((await readAll(store, { ...upload, storage: writer.progress().storage })).equals(expected));
  });

  test(`${name}: thousands of tiny pieces in one write are stored in order`, async (t) => {
    const store = await open(t);
    const upload = newUpload();
    const expected = randomBytes(5000);
    const writer = await openWriter(store, upload, 0);
    await writer.write(Array.from(expected, (byte) => Buffer.from([byte])));
    await writer.close();
    assert.ok((await readAll(store, { ...upload, storage: writer.progress().storage })).equals(expected));
  });

  test(`${name}: a later writer goes on where the earlier one ended`, async (t) => {
    const store = await open(t);
    const upload = newUpload();
    const bytes = randomBytes(MIB + 5);
    await write(store, upload, 0, bytes.subarray(0, 700_001));
    await write(store, upload, 700_001, bytes.subarray(700_001));
    assert.ok((await readAll(store, upload)).equals(bytes));
  });

  test(`${name}: bytes behind the offset at which a writer opens are gone`, async (t) => {
    const store = await open(t);
    const upload = newUpload();
    const bytes = randomBytes(200_000);
    await write(store, upload, 0, bytes);
    const tail = randomBytes(10);
    await write(store, upload, 50_000, tail);
    const expected = Buffer.concat([bytes.subarray(0, 50_000), tail]);
    assert.ok((await readAll(store, upload)).equals(expected));
  });

  test(`${name}: an upload can begin anew`, async (t) => {
    const store = await open(t);
    const upload = newUpload();
    await write(store, upload, 0, randomBytes(100_000));
    const second = randomBytes(1234);
    await write(store, upload, 0, second);
    assert.ok((await readAll(store, upload)).equals(second));
  });

  test(`${name}: a late write of an older writer cannot reach the bytes of the newer one`, async (t) => {
    const store = await open(t);
    const upload = newUpload();
    const prefix = randomBytes(300_000);
    await write(store, upload, 0, prefix);

    const old = await openWriter(store, upload, prefix.length);
    const newer = await openWriter(store, upload, prefix.length, false);
    const suffix = randomBytes(100_000);
    await newer.write([Buffer.from(suffix.subarray(0, 40_000))]);
    await old.write([randomBytes(250_000)]).catch(() => {});
    await old.close().catch(() => {});
    await newer.write([Buffer.from(suffix.subarray(40_000))]);
    await newer.close();
    upload.storage = newer.progress().storage;

    const expected = Buffer.concat([prefix, suffix]);
    assert.ok((await readAll(store, upload)).equals(expected));
    const key = keyOf(store, upload);
    await store.finalize(upload, key);
    assert.ok((await readAll(store, upload)).equals(expected));
    await store.discard(upload, key);
  });

  test(`${name}: reading stops at the length that was asked for`, async (t) => {
    const store = await open(t);
    const upload = newUpload();
    const bytes = randomBytes(2 * MIB);
    await write(store, upload, 0, bytes);
    assert.ok((await readAll(store, upload, 4096)).equals(bytes.subarray(0, 4096)));
    assert.ok((await readAll(store, upload, MIB + 1)).equals(bytes.subarray(0, MIB + 1)));
  });

  test(`${name}: a finished file is read back, and finishing it again changes nothing`, async (t) => {
    const store = await open(t);
    const upload = newUpload();
    const bytes = randomBytes(MIB);
    await write(store, upload, 0, bytes);
    const key = keyOf(store, upload);
    await store.finalize(upload, key);
    await store.finalize(upload, key);
    assert.ok((await readAll(store, upload)).equals(bytes));
  });

  test(`${name}: two who finish the same upload at once both succeed`, async (t) => {
    const store = await open(t);
    const upload = newUpload();
    const bytes = randomBytes(MIB);
    await write(store, upload, 0, bytes);
    const key = keyOf(store, upload);
    await Promise.all([store.finalize(upload, key), store.finalize(upload, key)]);
    assert.ok((await readAll(store, upload)).equals(bytes));
  });

  test(`${name}: an empty file can be finished`, async (t) => {
    const store = await open(t);
    const upload = newUpload();
    const writer = await openWriter(store, upload, 0);
    await writer.close();
    upload.storage = writer.progress().storage;
    await store.finalize(upload, store.storageKey(upload, Date.now(), null));
    assert.equal((await readAll(store, upload)).length, 0);
  });

  test(`${name}: finishing what was never stored fails`, async (t) => {
    const store = await open(t);
    const upload = newUpload();
    await assert.rejects(store.finalize(upload, keyOf(store, upload)), { code: 'STORAGE_UNAVAILABLE' });
  });

  for (const stage of ['nothing was stored', 'bytes are stored', 'it is finished']) {
    test(`${name}: discarding when ${stage} leaves nothing, and may be repeated`, async (t) => {
      const store = await open(t);
      const upload = newUpload();
      const key = keyOf(store, upload);
      if (stage !== 'nothing was stored') await write(store, upload, 0, randomBytes(100_000));
      if (stage === 'it is finished') await store.finalize(upload, key);
      await store.discard(upload, key);
      await store.discard(upload, key);
      await assert.rejects(readAll(store, upload), { code: 'STORAGE_UNAVAILABLE' });
    });
  }

  test(`${name}: uploads do not see one another`, async (t) => {
    const store = await open(t);
    const uploads = Array.from({ length: 4 }, newUpload);
    const contents = uploads.map(() => randomBytes(150_000));
    await Promise.all(uploads.map((upload, n) => write(store, upload, 0, contents[n] ?? Buffer.alloc(0))));
    const [first] = uploads;
    assert.ok(first);
    await store.discard(first, null);
    for (const [n, upload] of uploads.entries()) {
      if (upload !== first) assert.ok((await readAll(store, upload)).equals(contents[n] ?? Buffer.alloc(0)));
    }
  });
}
