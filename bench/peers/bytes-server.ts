/**
 * How fast a Node process can take bytes at all: `node:http`, and of what the service does with a body only this, by name:
 *
 * - `discard`  the bytes are counted and thrown away
 * - `write`    they are written to a file, gathered to as much as the service gathers, one batch after another
 * - `hash`     the same, and hashed with SHA-256 beside the write
 *
 * By tus, as far as a well-behaved client needs it: POST with a length, then PATCH after PATCH at the offset. The hash goes
 * on from one to the next. No sessions, no acknowledgements, no limits, nothing forced to the disk.
 * Arguments: its port, the folder of files, one of these names.
 */
import { createHash, type Hash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { basename, join } from 'node:path';
import { releaseMemory } from '../../src/core/release-memory.ts';
import { createGathering } from '../../src/engine/gathering.ts';
import { engineLimits } from '../../src/engine/limits.ts';

const [port, folder = '', work] = process.argv.slice(2);
const gathering = createGathering(engineLimits());

interface Begun {
  /** Bytes. */
  readonly length: number;
  readonly hash: Hash | null;
}

const begun = new Map<string, Begun>();

createServer((request, response) => {
  if (request.method === 'POST') return create(request, response);
  take(request)
    .then(() => response.writeHead(204).end())
    .catch((fault: unknown) => response.writeHead(500).end(String(fault)));
}).listen(Number(port), '127.0.0.1');

function create(request: IncomingMessage, response: ServerResponse): void {
  const path = `/${randomUUID()}`;
  const hash = work === 'hash' ? createHash('sha256') : null;
  begun.set(path, { length: Number(request.headers['upload-length']), hash });
  response.writeHead(201, { Location: path }).end();
}

async function take(request: IncomingMessage): Promise<void> {
  const { url: path = '', headers } = request;
  const upload = begun.get(path);
  if (!upload) throw new Error('no such upload');
  const offset = Number(headers['upload-offset']);
  const end = offset + Number(headers['content-length']);
  if (work === 'discard') {
    request.on('data', (piece: Buffer) => releaseMemory([piece]));
    await once(request, 'end');
  } else {
    await write(request, { path, offset, hash: upload.hash });
  }
  if (end < upload.length) return;
  upload.hash?.digest();
  begun.delete(path);
}

/** What comes with one request, from its offset on. */
async function write(
  request: IncomingMessage,
  { path, offset, hash }: { readonly path: string; readonly offset: number; readonly hash: Hash | null },
): Promise<void> {
  const file = await open(join(folder, basename(path)), offset === 0 ? 'w' : 'r+', 0o600);
  gathering.enter();
  try {
    await store(request, { file, offset, hash });
  } finally {
    gathering.leave();
    await file.close();
  }
}

/** The next batch gathers while one is written; above the high-water mark the socket is paused. */
async function store(
  request: IncomingMessage,
  { file, offset, hash }: { readonly file: FileHandle; readonly offset: number; readonly hash: Hash | null },
): Promise<void> {
  let pieces: Buffer[] = [];
  let gathered = 0;
  let ended = false;
  let wake = Promise.withResolvers<void>();
  request.on('data', (piece: Buffer) => {
    pieces.push(piece);
    gathered += piece.length;
    if (gathered >= gathering.highWaterBytes) request.pause();
    if (gathered >= gathering.batchBytes) wake.resolve();
  });
  request.on('end', () => {
    ended = true;
    wake.resolve();
  });
  request.on('error', wake.reject);

  for (let at = offset; !ended || gathered > 0; ) {
    await wake.promise;
    if (!ended) wake = Promise.withResolvers();
    const batch = pieces;
    const bytes = gathered;
    if (bytes === 0) continue;
    pieces = [];
    gathered = 0;
    request.resume();
    const written = file.writev(batch, at);
    for (const piece of batch) hash?.update(piece);
    if ((await written).bytesWritten !== bytes) throw new Error('the file takes no more bytes');
    at += bytes;
    releaseMemory(batch);
  }
}
