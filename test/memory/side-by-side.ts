import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type Context, PATCH, type Upload } from '../protocol-suite/context.ts';
import { head } from '../protocols/raw-http.ts';

/** Bytes that a sender may be ahead of the slowest: two parts of S3 and a bit. */
const AHEAD = 20 << 20;
/** How often a sender asks for the offset and goes on there, where a busy machine's stores answered too late. */
const ATTEMPTS = 10;

/**
 * Send the same file to all uploads, each as fast as it is taken in, but none far ahead of the slowest, so that none
 * is over before the others. At one and the same pace, those who have memory of the service would wait for those who
 * wait for it. Gives how often an upload had to be resumed.
 */
export async function sendSideBySide(
  context: Context,
  uploads: readonly Upload[],
  chunks: readonly Uint8Array[],
): Promise<number> {
  const size = chunks.reduce((sum, { length }) => sum + length, 0);
  const sent = new Map<Upload, number>(uploads.map((upload) => [upload, 0]));
  let slowest = 0;
  let moved = Promise.withResolvers<void>();
  let resumed = 0;

  function reached(upload: Upload, offset: number): void {
    sent.set(upload, offset);
    const least = Math.min(...sent.values());
    if (least <= slowest) return;
    slowest = least;
    moved.resolve();
    moved = Promise.withResolvers();
  }

  /** One request from the offset on, to its answer. */
  async function attempt(upload: Upload, from: number): Promise<string> {
    const socket = connect(context.port, '127.0.0.1');
    const answer = answerOn(socket);
    const headers = { ...PATCH, 'upload-offset': from, 'content-length': size - from };
    try {
      await write(socket, Buffer.from(head('PATCH', upload.target, headers)));
      let at = 0;
      for (const chunk of chunks) {
        const rest = chunk.subarray(Math.max(0, from - at));
        at += chunk.length;
        if (rest.length === 0) continue;
        while (at - slowest > AHEAD) await moved.promise;
        await write(socket, rest);
        reached(upload, at);
      }
    } catch {
      // The answer tells why.
    }
    return answer.finally(() => socket.destroy());
  }

  async function sendAll(upload: Upload): Promise<void> {
    let answer = await attempt(upload, 0);
    for (let left = ATTEMPTS; answer.startsWith('HTTP/1.1 503 ') && left > 0; left -= 1) {
      resumed += 1;
      await pause(1000);
      const offset = await context.offset(upload).catch(() => null);
      if (offset !== null) answer = offset < size ? await attempt(upload, offset) : 'HTTP/1.1 204 ';
    }
    reached(upload, size);
    if (!answer.startsWith('HTTP/1.1 204 ')) throw new Error(`an upload was answered: ${answer}`);
  }

  await Promise.all(uploads.map(sendAll));
  return resumed;
}

function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** What comes first on the socket: the answer, all of it where it is short. */
function answerOn(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (bytes) => resolve(bytes.toString('latin1')));
    socket.once('error', (error) => resolve(`not at all, but ${error.message}`));
    socket.once('close', () => resolve('not at all'));
  });
}
