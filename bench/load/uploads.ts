import { randomUUID } from 'node:crypto';
import type { Running } from '../harness/contract.ts';
import { openRawConnection, type RawAnswer, type RawConnection } from './raw-connection.ts';
import { CONTEXT, DASHBOARD } from './users.ts';

/** How a file is sent: in one PUT, or by tus, in one PATCH or in several. */
export type Way = 'put' | 'tus';

export interface Upload {
  readonly running: Running;
  readonly way: Way;
  /** Bytes. */
  readonly size: number;
  /** Bytes of one PATCH; default: all. */
  readonly chunk?: number;
  /** Where the server takes new uploads by tus, or files by PUT; ours is asked for a session. */
  readonly path: string;
}

/** Sent again and again; far above what the kernel takes at once. */
const PIECE = 1 << 20;
const TUS = { 'Tus-Resumable': '1.0.0' };

const first = videoPiece();
const others = Buffer.alloc(PIECE, 'sluice');

/** Where the bytes go, made beforehand: what is timed begins with the first byte. */
async function createTarget(connection: RawConnection, upload: Upload): Promise<string> {
  const { running, way, size, path } = upload;
  if (running.token) return initiateUpload(connection, running, size);
  if (way === 'put') return `${path}/${randomUUID()}.mp4`;
  const headers = { ...TUS, 'Upload-Length': size };
  const answer = expect(await connection.send({ method: 'POST', path, headers }), 201);
  return answer.header('location') ?? '';
}

async function initiateUpload(connection: RawConnection, running: Running, size: number): Promise<string> {
  const token = tokenOf(running);
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` };
  const asked = { dashboard_context: CONTEXT, expected_file_size: size, file_format: 'mp4' };
  const body = [Buffer.from(JSON.stringify(asked))];
  const path = `${DASHBOARD}/initiate`;
  const answer = expect(await connection.send({ method: 'POST', path, headers, body }), 201);
  return JSON.parse(answer.body).upload_url;
}

/** All bytes of an upload, acknowledged. */
async function sendFile(connection: RawConnection, target: string, upload: Upload): Promise<void> {
  const { way, size, chunk = size } = upload;
  if (way === 'put') {
    const type = { 'Content-Type': 'application/octet-stream' };
    expect(await connection.send({ method: 'PUT', path: target, headers: type, body: bytes(0, size) }), 201);
    return;
  }
  const type = { ...TUS, 'Content-Type': 'application/offset+octet-stream' };
  for (let offset = 0; offset < size; offset += chunk) {
    const body = bytes(offset, Math.min(chunk, size - offset));
    const headers = { ...type, 'Upload-Offset': offset };
    expect(await connection.send({ method: 'PATCH', path: target, headers, body }), 204);
  }
}

/** So many uploads at once, each over a connection of its own. Gives the seconds from first byte to last answer. */
export async function sendAtOnce(upload: Upload, count: number): Promise<number> {
  const prepared: { connection: RawConnection; target: string }[] = [];
  for (let n = 0; n < count; n += 1) {
    const connection = await openRawConnection(upload.running.url);
    prepared.push({ connection, target: await createTarget(connection, upload) });
  }
  const began = performance.now();
  await Promise.all(prepared.map(({ connection, target }) => sendFile(connection, target, upload)));
  const seconds = (performance.now() - began) / 1000;
  for (const { connection } of prepared) connection.close();
  return seconds;
}

/** So many uploads from creation to the last answer, over `width` connections. Gives the seconds. */
export async function sendOneAfterAnother(upload: Upload, count: number, width: number): Promise<number> {
  let left = count;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: width }, async () => {
      const connection = await openRawConnection(upload.running.url);
      while (left > 0) {
        left -= 1;
        await sendFile(connection, await createTarget(connection, upload), upload);
      }
      connection.close();
    }),
  );
  return (performance.now() - began) / 1000;
}

const tokens = new WeakMap<Running, { readonly of: readonly string[]; next: number }>();
const SENDERS = 100;

/** Of one of some users, in turn. */
function tokenOf(running: Running): string {
  const known = tokens.get(running) ?? {
    of: Array.from({ length: SENDERS }, () => running.token?.({ user: randomUUID() }) ?? ''),
    next: 0,
  };
  tokens.set(running, known);
  known.next = (known.next + 1) % SENDERS;
  return known.of[known.next] ?? '';
}

/** A range of a file that begins as a video does. */
function bytes(from: number, length: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let sent = 0; sent < length; sent += PIECE) {
    const piece = from + sent === 0 ? first : others;
    pieces.push(piece.subarray(0, Math.min(PIECE, length - sent)));
  }
  return pieces;
}

function videoPiece(): Buffer {
  const piece = Buffer.alloc(PIECE, 'sluice');
  piece.write('\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41', 'latin1');
  return piece;
}

function expect(answer: RawAnswer, status: number): RawAnswer {
  if (answer.status === status) return answer;
  throw new Error(`${status} was expected, the answer is ${answer.status}: ${answer.body.slice(0, 200)}`);
}
