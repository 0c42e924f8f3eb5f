import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { HttpRequest, HttpResponse, HttpStack } from 'tus-js-client';

/** Bytes written at once: as fine as progress gets. */
const PIECE = 65_536;

/**
 * Sends Blobs over node:http. The stack that comes with tus-js-client knows Buffers and streams only, and waits
 * for ever where a connection dies within the answer.
 */
export function createNodeHttpStack(): HttpStack {
  return { createRequest: createNodeRequest, getName: () => 'sluice-node' };
}

function createNodeRequest(method: string, url: string): HttpRequest {
  const headers: Record<string, string> = {};
  let onProgress: (bytes: number) => void = () => {};
  let request: ClientRequest | null = null;

  return {
    getMethod: () => method,
    getURL: () => url,
    setHeader: (name, value) => {
      headers[name] = value;
    },
    getHeader: (name) => headers[name],
    setProgressHandler: (handler) => {
      onProgress = handler;
    },
    send(body: Blob | string | null = null) {
      const size = body instanceof Blob ? body.size : Buffer.byteLength(body ?? '');
      const open = new URL(url).protocol === 'https:' ? httpsRequest : httpRequest;
      const sending = open(url, { method, headers: { ...headers, 'Content-Length': size } });
      request = sending;
      return new Promise<HttpResponse>((resolve, reject) => {
        sending.on('error', reject);
        sending.on('response', (response) => {
          readAnswer(response)
            .then(resolve, reject)
            // Refused in the middle: the rest of the body would keep the connection open.
            .finally(() => sending.writableEnded || sending.destroy());
        });
        if (body instanceof Blob)
          writeBlob(sending, body, onProgress).catch((error) => sending.destroy(error));
        else sending.end(body ?? undefined);
      });
    },
    abort() {
      request?.destroy(new Error('aborted'));
      return Promise.resolve();
    },
    getUnderlyingObject: () => request,
  };
}

async function writeBlob(
  request: ClientRequest,
  blob: Blob,
  onProgress: (bytes: number) => void,
): Promise<void> {
  let sent = 0;
  let answered = false;
  // An answer before the end is a refusal: nobody reads the rest.
  request.once('response', () => {
    answered = true;
  });
  for await (const chunk of blob.stream()) {
    // A Blob in memory comes as one piece: progress needs smaller ones.
    for (let at = 0; at < chunk.byteLength; at += PIECE) {
      const piece = chunk.subarray(at, at + PIECE);
      if (!request.write(piece)) await drained(request);
      if (answered || request.destroyed) return;
      sent += piece.byteLength;
      onProgress(sent);
    }
  }
  if (!request.destroyed) request.end();
}

/** Resolves also when the request is over: then nothing drains any more. */
function drained(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ['drain', 'close', 'response']) request.removeListener(event, done);
      resolve();
    };
    for (const event of ['drain', 'close', 'response']) request.once(event, done);
  });
}

async function readAnswer(response: IncomingMessage): Promise<HttpResponse> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString('utf8');
  return {
    getStatus: () => response.statusCode ?? 0,
    getHeader: (name) => {
      const value = response.headers[name.toLowerCase()];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    getBody: () => body,
    getUnderlyingObject: () => response,
  };
}
