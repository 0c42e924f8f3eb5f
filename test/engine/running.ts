import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createReconcile, type Reconcile } from '../../src/core/reconcile.ts';
import type { Session } from '../../src/core/session.ts';
import { exchange, head, rawClient } from '../protocols/raw-http.ts';
import type { Service } from './service.ts';

export const TUS = { 'tus-resumable': '1.0.0' };
export const PATCH = { ...TUS, 'content-type': 'application/offset+octet-stream' };

/** Send the head of a request and some of its body, and leave it running. */
export async function sendPart(
  service: Service,
  session: Session,
  method: string,
  headers: Readonly<Record<string, string | number>>,
  body: Uint8Array,
) {
  const client = rawClient(service.port);
  await client.send(head(method, service.target(session), headers));
  await client.send(body);
  return client;
}

export function patch(service: Service, session: Session, offset: number, body: Uint8Array) {
  const headers = { ...PATCH, 'upload-offset': offset };
  return exchange(service.port, 'PATCH', service.target(session), headers, body);
}

/** The offset as a client learns it. */
export async function offsetOf(service: Service, session: Session): Promise<number> {
  const answer = await exchange(service.port, 'HEAD', service.target(session), TUS);
  assert.equal(answer.status, 200);
  return Number(answer.headers['upload-offset']);
}

/** What the process on duty does from time to time. @param now this machine's clock; left out: as it is. */
export function reconcilerOf({ store, ledger, engine, uploads }: Service, now?: () => number): Reconcile {
  const { finishStored } = engine;
  const { expire } = uploads;
  return createReconcile({
    ...{ store, ledger, finishStored, expire },
    events: { emit() {} },
    ...(now && { now }),
  });
}

/** The session is completed, its file is exactly `bytes`, counted once, and nothing else is left. */
export async function assertCompleted(service: Service, session: Session, bytes: Uint8Array, format = 'mp4') {
  const found = await service.find(session);
  const digest = createHash('sha256').update(bytes).digest('hex');
  assert.equal(found.status, 'completed');
  assert.equal(found.contentSha256, digest);
  assert.equal(found.detectedFormat, format);
  const file = await readFile(join(service.uploadFolder, `${session.sessionId}.${format}`));
  assert.ok(file.equals(bytes), 'the finished file is what was sent');
  assert.deepEqual(await service.partialFiles(), []);
  await assertQuota(service, { used: bytes.length, reserved: 0 });
}

export async function assertQuota(service: Service, expected: { used: number; reserved: number }) {
  const quota = await service.uploads.quota(service.userId);
  assert.deepEqual({ used: quota.usedBytes, reserved: quota.reservedBytes }, expected);
}

/** It failed for this reason; its bytes are deleted and its reservation is given back. */
export async function assertFailed(service: Service, session: Session, code: string) {
  const found = await service.find(session);
  assert.equal(found.status, 'failed');
  assert.equal(found.failure?.error_code, code);
  assert.deepEqual(await service.partialFiles(), []);
  assert.deepEqual(await service.finishedFiles(), []);
  await assertQuota(service, { used: 0, reserved: 0 });
}
