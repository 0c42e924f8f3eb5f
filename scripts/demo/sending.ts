import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';

export interface Video {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

export interface Pace {
  /** Seconds the whole file should take: slow enough to watch. 0 sends as fast as it goes. */
  readonly seconds: number;
  onProgress(bytesOfFile: number): void;
}

/** PUT the file, and cut the connection once `cutAt` bytes of it are on their way. */
export async function putAndCut(url: URL, video: Video, cutAt: number, pace: Pace): Promise<void> {
  const request = open(url, 'PUT', {
    'Content-Type': 'application/octet-stream',
    'Content-Length': video.size,
  });
  const answered = answer(request).then(async (response) => {
    throw new Error(
      `The service answered ${response.statusCode} before it had the file: ${await textOf(response)}`,
    );
  });
  // Lost at the cut, as it is meant to be; looked at only while sending.
  answered.catch(() => {});
  await Promise.race([feed(request, video, { from: 0, to: cutAt }, pace), answered]);
  request.destroy();
}

/** Bytes the service has, as it says itself. */
export async function askOffset(url: URL): Promise<number> {
  const request = open(url, 'HEAD', { 'Tus-Resumable': '1.0.0' });
  request.end();
  const response = await answer(request);
  response.resume();
  const offset = response.headers['upload-offset'];
  if (response.statusCode !== 200 || typeof offset !== 'string') {
    throw new Error(`HEAD answered ${response.statusCode} with Upload-Offset: ${offset}`);
  }
  return Number(offset);
}

/** Send the rest as tus clients do. Gives the new offset, or null where the service was further than `from`. */
export async function patchFrom(url: URL, video: Video, from: number, pace: Pace): Promise<number | null> {
  const request = open(url, 'PATCH', {
    'Tus-Resumable': '1.0.0',
    'Upload-Offset': from,
    'Content-Type': 'application/offset+octet-stream',
    'Content-Length': video.size - from,
  });
  const answered = answer(request);
  const sent = feed(request, video, { from, to: video.size }, pace).then(() => request.end());
  const response = await Promise.race([answered, sent.then(() => answered)]);
  const text = await textOf(response);
  if (response.statusCode === 409) return null;
  if (response.statusCode !== 204) throw new Error(`PATCH answered ${response.statusCode}: ${text}`);
  return Number(response.headers['upload-offset']);
}

function open(url: URL, method: string, headers: Record<string, string | number>): ClientRequest {
  const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
    method,
    headers,
    agent: false,
  });
  // An answer that comes early is followed by a closed connection: no news once the answer is here.
  request.on('error', () => {});
  return request;
}

async function answer(request: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

async function textOf(response: IncomingMessage): Promise<string> {
  return (await response.setEncoding('utf8').toArray()).join('');
}

async function feed(
  request: ClientRequest,
  video: Video,
  range: { from: number; to: number },
  pace: Pace,
): Promise<void> {
  // About fifty steps of the bar, but never a slice too large to hold.
  const sliceSize = Math.max(1, Math.min(1024 * 1024, Math.ceil(video.size / 48)));
  const slices = createReadStream(video.path, {
    start: range.from,
    end: range.to - 1,
    highWaterMark: sliceSize,
  });
  const startedAt = performance.now();
  let position = range.from;
  for await (const slice of slices as AsyncIterable<Buffer>) {
    await write(request, slice);
    position += slice.length;
    pace.onProgress(position);
    const dueAt = startedAt + ((position - range.from) / video.size) * pace.seconds * 1000;
    const ahead = dueAt - performance.now();
    if (ahead > 0) await delay(ahead);
  }
}

function write(request: ClientRequest, slice: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    request.write(slice, (error) => (error ? reject(error) : resolve()));
  });
}
