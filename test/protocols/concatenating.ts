import assert from 'node:assert/strict';
import { PATCH, TUS } from '../engine/running.ts';
import { fakeMp4, type Service } from '../engine/service.ts';
import { exchange } from './raw-http.ts';

/** Steps of tests about partial and final uploads (tus "concatenation"). */

export const FILE = fakeMp4(300_000);
export const PIECES = [FILE.subarray(0, 120_000), FILE.subarray(120_000, 120_001), FILE.subarray(120_001)];

export type Headers = Readonly<Record<string, string | number>>;

export function post(service: Service, headers: Headers, body: Uint8Array | null = null) {
  const authorization = service.authorization();
  return exchange(service.port, 'POST', '/v1/uploads', { authorization, ...TUS, ...headers }, body);
}

export const idIn = (location = '') => ({ sessionId: /uploads\/([0-9a-f-]{36})/.exec(location)?.[1] ?? '' });

/** The URL of a new partial upload that has all of its bytes, or the first `stored` of them. */
export async function partial(service: Service, bytes: Uint8Array, stored = bytes.length): Promise<string> {
  const created = await post(service, { 'upload-concat': 'partial', 'upload-length': bytes.length });
  assert.equal(created.status, 201);
  const { location = '' } = created.headers;
  const headers = { ...PATCH, 'upload-offset': 0 };
  const sent = await exchange(service.port, 'PATCH', location, headers, bytes.subarray(0, stored));
  assert.equal(sent.status, 204);
  return location;
}

export const partialsOf = (service: Service) => Promise.all(PIECES.map((piece) => partial(service, piece)));
export const concat = (urls: readonly string[]) => ({ 'upload-concat': `final;${urls.join(' ')}` });
export const head = (service: Service, url: string) => exchange(service.port, 'HEAD', url, TUS);
