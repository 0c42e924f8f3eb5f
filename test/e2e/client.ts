import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import type { ServiceProcess } from './service.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The parsed JSON body, or {} where there is none. */
  readonly body: Record<string, unknown>;
}

export interface StartedSession {
  readonly id: string;
  /** Absolute, whatever the service answered. */
  readonly url: URL;
}

/** One user's way to the service. Nothing here hides an answer: what a test expects stands in the test. */
export function createClient(service: ServiceProcess, user: string, permissions?: readonly string[]) {
  const token = service.token({ user, ...(permissions ? { permissions } : {}) });

  async function call(method: string, path: string, body?: object, more: object = {}): Promise<Answer> {
    const response = await fetch(`${service.url}/v1/dashboard/upload/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
        ...more,
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text ? (JSON.parse(text) as Record<string, unknown>) : {},
    };
  }

  return {
    call,
    initiate: (size: number, more: object = {}) =>
      call('POST', 'initiate', {
        dashboard_context: { source_section: 'end_to_end', workflow_type: 'single_upload' },
        expected_file_size: size,
        ...more,
      }),
    /** Initiate where that must work. */
    async session(size: number): Promise<StartedSession> {
      const { status, body } = await this.initiate(size);
      if (status !== 201) throw new Error(`initiate answered ${status}: ${JSON.stringify(body)}`);
      return { id: String(body.session_id), url: new URL(String(body.upload_url), service.url) };
    },
    status: (sessionId: string) => call('GET', `sessions/${sessionId}`),
    quota: async () => (await call('GET', 'quota')).body,
  };
}

/** Upload-Offset as HEAD tells it. */
export async function offsetOf(url: URL): Promise<number> {
  const response = await fetch(url, { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } });
  const offset = response.headers.get('upload-offset');
  if (response.status !== 200 || offset === null) {
    throw new Error(`HEAD answered ${response.status} with Upload-Offset ${offset}`);
  }
  return Number(offset);
}

/** PATCH what is left from `offset` on, and give the answer's status. */
export async function patchRest(url: URL, file: Buffer, offset: number): Promise<number> {
  const request = openPatch(url, offset, file.length - offset);
  request.end(file.subarray(offset));
  const response = await answerTo(request);
  return response.statusCode ?? 0;
}

/** A tus PATCH whose body the caller writes. */
export function openPatch(url: URL, offset: number, length: number): ClientRequest {
  return openUpload(url, 'PATCH', {
    'Tus-Resumable': '1.0.0',
    'Upload-Offset': offset,
    'Content-Type': 'application/offset+octet-stream',
    'Content-Length': length,
  });
}

export function openUpload(
  url: URL,
  method: 'PUT' | 'PATCH' | 'DELETE',
  headers: Record<string, string | number>,
): ClientRequest {
  const request = httpRequest(url, { method, headers, agent: false });
  // After an early answer, or the death of the service, more errors follow: the first one is what counts.
  request.on('error', () => {});
  return request;
}

/** The answer, its body read to the end. Rejects where the connection ends without one. */
export async function answerTo(request: ClientRequest): Promise<IncomingMessage & { text: string }> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const text = (await response.setEncoding('utf8').toArray()).join('');
  return Object.assign(response, { text });
}

/** Write and wait until the bytes have left this process. Rejects where the connection is gone. */
export function writeOut(request: ClientRequest, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    request.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
