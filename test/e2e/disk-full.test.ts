import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import { test } from 'node:test';
import { answerTo, createClient, offsetOf, openUpload, patchRest } from './client.ts';
import { folderFor, serviceFor } from './service.ts';
import { createSmallDisk } from './small-disk.ts';
import { filesOfSession, sha256OfFile } from './stored-files.ts';
import { sha256, videoOf } from './videos.ts';

const MIB = 1024 * 1024;
const SIZE = 16 * MIB;

test('a full disk answers 507, keeps a true offset, and the upload goes on once there is room', async (t) => {
  const folder = await folderFor(t);
  const disk = createSmallDisk(folder, { bytes: 24 * MIB, ballastBytes: 14 * MIB });
  const service = await serviceFor(t, {
    wrap: disk.wrap,
    env: { LOCAL_UPLOAD_FOLDER: `${folder}/uploads`, LOCAL_TEMP_FOLDER: `${folder}/temp` },
  });
  const client = createClient(service, randomUUID());
  const session = await client.session(SIZE);
  const file = videoOf(SIZE, 7);

  const put = openUpload(session.url, 'PUT', { 'Content-Length': SIZE });
  put.end(file);
  const refused = await answerTo(put);
  assert.equal(refused.statusCode, 507, refused.text);
  assert.equal(JSON.parse(refused.text).error_code, 'STORAGE_FULL');

  const offset = await offsetOf(session.url);
  assert(offset > 0 && offset <= 10 * MIB, `the offset is ${offset}`);
  assert.equal((await client.status(session.id)).body.status, 'active');

  unlinkSync(disk.outside(service.pid, disk.ballast));
  assert.equal(await patchRest(session.url, file, offset), 204);
  const { body } = await client.status(session.id);
  assert.equal(body.status, 'completed');
  assert.equal(body.sha256, sha256(file));
  const files = filesOfSession(disk.outside(service.pid, folder), session.id);
  assert.equal(files.length, 1, String(files));
  assert.equal(await sha256OfFile(files[0] ?? ''), sha256(file));
  assert.equal((await client.quota()).quota_used, SIZE);
});
