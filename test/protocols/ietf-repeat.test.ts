import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Session } from '../../src/core/session.ts';
import { assertCompleted } from '../engine/running.ts';
import { fakeMp4, type Service, startService } from '../engine/service.ts';
import { chunked, exchange, head, rawClient } from './raw-http.ts';

/** Repeats of the last append (draft-ietf-httpbis-resumable-upload, section 4.4.2) that do not tell their length. */

const FILE = fakeMp4(150_000);
const APPEND = { 'upload-draft-interop-version': 8, 'content-type': 'application/partial-upload' };
const CHUNKED = { 'transfer-encoding': 'chunked' };

function append(service: Service, session: Session, offset: number, complete: string, body: Uint8Array) {
  const headers = { ...APPEND, ...CHUNKED, 'upload-offset': offset, 'upload-complete': complete };
  return exchange(service.port, 'PATCH', service.target(session), headers, chunked(body));
}

test('a chunked repeat of the last append gets the final answer again; one of another length is 409', async (t) => {
  const service = await startService(t);
  const session = await service.newSession({ expectedFileSize: FILE.length });
  await append(service, session, 0, '?0', FILE.subarray(0, 60_000));
  const send = (offset: number, body: Uint8Array) => append(service, session, offset, '?1', body);
  const tail = FILE.subarray(60_000);
  const first = await send(60_000, tail);
  assert.equal(first.status, 201);
  for (const [offset, body] of [
    [60_000, tail],
    [0, FILE],
    [FILE.length, Buffer.alloc(0)],
  ] as const) {
    const again = await send(offset, body);
    assert.deepEqual([again.status, again.headers['upload-complete']], [201, '?1'], String(offset));
    assert.equal(again.text, first.text);
  }
  for (const [offset, body] of [
    [60_000, tail.subarray(1)],
    [60_001, tail],
    [0, Buffer.concat([FILE.subarray(1), Buffer.alloc(1)])],
    [FILE.length + 1, Buffer.alloc(0)],
  ] as const) {
    const other = await send(offset, body);
    assert.deepEqual([other.status, other.json().error_code], [409, 'UPLOAD_COMPLETED'], String(offset));
    assert.equal(other.headers['upload-complete'], '?0');
  }
  await assertCompleted(service, session, FILE);
});

test('a chunked repeat is told to go on, and cut off where it does not', async (t) => {
  const service = await startService(t, { engine: { idleTimeoutMs: 100 } });
  const session = await service.newSession({ expectedFileSize: 5000 });
  await append(service, session, 0, '?0', FILE.subarray(0, 4000));
  await append(service, session, 4000, '?1', FILE.subarray(4000, 5000));
  const client = rawClient(service.port);
  const expecting = { ...CHUNKED, expect: '100-continue' };
  const headers = { ...APPEND, ...expecting, 'upload-offset': 4000, 'upload-complete': '?1' };
  await client.send(head('PATCH', service.target(session), headers));
  const [bytes] = await once(client.socket, 'data');
  assert.match(String(bytes), /^HTTP\/1.1 100 /);
  await client.closed;
});
