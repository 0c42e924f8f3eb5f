import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { until } from '../e2e/until.ts';
import { videoOf } from '../e2e/videos.ts';
import type { RawAnswer } from '../protocols/raw-http.ts';
import type { Backend } from './backend.ts';
import { ask, type Headers, type Line, openLine } from './line.ts';

/** A video, and the size that uploads have unless a row says otherwise. */
export const FILE = videoOf(150_000, 1);
/** Long enough for S3 to have several parts of it. */
export const LARGE = videoOf(21_000_000, 1);
/** Another one of the same length. */
export const OTHER = videoOf(FILE.length, 2);
/** Bytes of FILE that a begun upload has. */
export const BEGUN = 60_000;

export const TUS = { 'tus-resumable': '1.0.0' };
export const PATCH = { ...TUS, 'content-type': 'application/offset+octet-stream' };
export const IETF = { 'upload-draft-interop-version': 8 };
export const APPEND = { ...IETF, 'content-type': 'application/partial-upload' };

export interface Upload {
  readonly id: string;
  /** Path and query of its upload_url. */
  readonly target: string;
  readonly user: User;
}

export interface User {
  readonly id: string;
  readonly authorization: string;
}

/** What a row of the suite works with: one backend, and users and uploads of its own. */
export type Context = ReturnType<typeof createContext>;

export function createContext(backend: Backend) {
  const { service } = backend;
  const port = Number(new URL(service.url).port);

  function user(permissions?: readonly string[]): User {
    const id = randomUUID();
    const token = service.token({ user: id, ...(permissions && { permissions }) });
    return { id, authorization: `Bearer ${token}` };
  }

  const send = (method: string, target: string, headers?: Headers, body?: Uint8Array | null) =>
    ask(port, method, target, headers, body);

  async function json(of: User, method: string, path: string, body?: object): Promise<RawAnswer> {
    const bytes = body === undefined ? null : Buffer.from(JSON.stringify(body));
    const type = bytes && { 'content-type': 'application/json' };
    const headers = { authorization: of.authorization, ...type };
    return send(method, `/v1/dashboard/upload/${path}`, headers, bytes);
  }

  /** A session of a new user, unless one is given. */
  async function session(draft: object = {}, owner = user()): Promise<Upload> {
    const context = { source_section: 'suite', workflow_type: 'single_upload' };
    const answer = await json(owner, 'POST', 'initiate', {
      dashboard_context: context,
      expected_file_size: FILE.length,
      ...draft,
    });
    assert.equal(answer.status, 201, answer.text);
    const { session_id, upload_url } = answer.json();
    const url = new URL(String(upload_url), service.url);
    return { id: String(session_id), target: `${url.pathname}${url.search}`, user: owner };
  }

  const patch = (upload: Upload, offset: number, body: Uint8Array, headers: Headers = {}) =>
    send('PATCH', upload.target, { ...PATCH, 'upload-offset': offset, ...headers }, body);

  async function status(upload: Upload): Promise<Record<string, unknown>> {
    const answer = await json(upload.user, 'GET', `sessions/${upload.id}`);
    assert.equal(answer.status, 200, answer.text);
    return answer.json();
  }

  async function quota(of: User): Promise<{ used: unknown; reserved: unknown }> {
    const { quota_used, quota_reserved } = (await json(of, 'GET', 'quota')).json();
    return { used: quota_used, reserved: quota_reserved };
  }

  async function offset(upload: Upload): Promise<number> {
    const answer = await send('HEAD', upload.target, TUS);
    assert.equal(answer.status, 200);
    return Number(answer.headers['upload-offset']);
  }

  /** Completed, exactly these bytes stored and nothing else. */
  async function assertFile(upload: Upload, file: Uint8Array): Promise<void> {
    const sha256 = createHash('sha256').update(file).digest('hex');
    const session = await status(upload);
    assert.deepEqual({ status: session.status, sha256: session.sha256 }, { status: 'completed', sha256 });
    const things = await backend.stored(upload.id);
    assert.equal(things.length, 1, `one file, not ${things.map(({ name }) => name)}`);
    assert.equal(await things[0]?.sha256(), sha256, 'the stored file is not what was sent');
  }

  /** The only upload of its user: completed, exactly these bytes stored and nothing else, counted once. */
  async function assertCompleted(upload: Upload, file: Uint8Array = FILE): Promise<void> {
    await assertFile(upload, file);
    assert.deepEqual(await quota(upload.user), { used: file.length, reserved: 0 });
  }

  /** Ended without a file: no byte is left, nothing reserved, nothing counted. */
  async function assertGone(upload: Upload, as: 'failed' | 'cancelled' | 'expired'): Promise<void> {
    assert.equal((await status(upload)).status, as);
    assert.deepEqual(await quota(upload.user), { used: 0, reserved: 0 });
    await until('the bytes are deleted', async () => (await backend.stored(upload.id)).length === 0);
  }

  /**
   * Ask for the offset and send what is missing, as a client does. Where a writer is stopped by that, what it had
   * comes between the question and the bytes: the 409 tells where they go.
   */
  async function resume(upload: Upload, file: Uint8Array, send: typeof patch = patch): Promise<RawAnswer> {
    const from = await offset(upload);
    const answer = await send(upload, from, file.subarray(from));
    if (answer.status !== 409) return answer;
    const to = Number(answer.headers['upload-offset']);
    assert.ok(to > from, `${answer.text} at ${from}`);
    return send(upload, to, file.subarray(to));
  }

  return {
    backend,
    port,
    user,
    send,
    json,
    session,
    patch,
    status,
    quota,
    offset,
    resume,
    assertFile,
    assertCompleted,
    assertGone,
    line: (): Line => openLine(port),

    /** A session that has the first bytes of FILE already. */
    async begun(draft: object = {}): Promise<Upload> {
      const upload = await session(draft);
      const answer = await patch(upload, 0, FILE.subarray(0, BEGUN));
      assert.deepEqual([answer.status, answer.headers['upload-offset']], [204, String(BEGUN)]);
      return upload;
    },

    /** Send what is missing of the file, and see that it became what was sent. */
    async finish(upload: Upload, file: Uint8Array = FILE): Promise<void> {
      assert.equal((await resume(upload, file)).status, 204);
      await assertCompleted(upload, file);
    },

    /** Wait until so many bytes are acknowledged. */
    reaches: (upload: Upload, bytes: number) =>
      until(`the offset reaches ${bytes}`, async () => (await offset(upload)) === bytes),
  };
}

/** The answer is this refusal. */
export function assertRefused(answer: RawAnswer, status: number, code: string): void {
  assert.deepEqual([answer.status, answer.json().error_code], [status, code], answer.text);
}
