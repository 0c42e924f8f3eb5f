import type { Socket } from 'node:net';
import { http } from '../core/node-http.ts';
import { invalidRequestRefusal } from './invalid-request.ts';
import { problemBody, problemHeaders } from './problem.ts';

/** What Node could not read as HTTP. */
type ClientError = Error & { readonly code?: string };

/**
 * Answers what never became a request (malformed, headers too large, headers too slow) and closes. Where an
 * answer has begun already, another one would only garble it, so the connection is just cut.
 */
export function answerClientError(error: ClientError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || answerHasBegun(socket)) {
    socket.destroy();
    return;
  }
  const { status, message } = describe(error.code);
  const refusal = invalidRequestRefusal([{ path: '', message }]);
  const body = JSON.stringify(problemBody(refusal, { instance: '', now: Date.now() }, { status }));
  const headers = Object.entries({
    ...problemHeaders(refusal, status),
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  });
  socket.end(
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
    () => socket.destroy(),
  );
}

function describe(code: string | undefined): { readonly status: number; readonly message: string } {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, message: 'must have smaller headers' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, message: 'must arrive without pauses' };
    default:
      return { status: 400, message: 'must be well-formed HTTP/1.1' };
  }
}

/** Node keeps the answer that is being written to a socket on the socket, and nowhere else. */
function answerHasBegun(socket: Socket): boolean {
  const response: unknown = Reflect.get(socket, '_httpMessage');
  return typeof response === 'object' && response !== null && Reflect.get(response, 'headersSent') === true;
}
