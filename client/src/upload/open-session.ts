import type { Http } from '../api/http.ts';
import type { Service } from '../api/service.ts';
import type { InitiateResponse, SessionStatus } from '../api/types.ts';
import { SluiceApiError } from '../errors.ts';
import type { Platform } from '../platform/platform.ts';
import { declaresDigest, type UploadOptions } from './options.ts';
import { lengthOf, resumableSessions } from './resumable.ts';
import type { UploadSession } from './snapshot.ts';

export interface OpenedSession extends UploadSession {
  /** Lets other uploads and tabs have the session. */
  release(): void;
}

export interface SessionOpenerDeps {
  readonly http: Http;
  readonly service: Service;
  readonly platform: Platform;
  /** Ids of the sessions that uploads of this client are sending to. */
  readonly claimed: Set<string>;
}

export interface SessionRequest {
  readonly file: Blob;
  readonly filename: string;
  readonly options: UploadOptions;
  /** The same for every repetition of one upload: a lost answer does not reserve twice. */
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
  /** The file's digest; it is computed at most once. */
  readonly digest: () => Promise<string>;
}

/** Finds the session to go on with, or reserves a new one. */
export type OpenSession = (request: SessionRequest) => Promise<OpenedSession>;

export function createSessionOpener(deps: SessionOpenerDeps): OpenSession {
  return async (request) => {
    const resume = request.options.resume ?? 'auto';
    if (resume === 'auto') return (await resumeAny(deps, request)) ?? initiate(deps, request);
    if (resume === 'never') return initiate(deps, request);
    if (!(await isOf(resume, request))) {
      throw new SluiceApiError('WRONG_FILE', 'This is not the file that the upload was begun with.');
    }
    const opened = await claim(deps, resume);
    if (opened) return opened;
    throw new SluiceApiError('UPLOAD_IN_USE', 'This upload is running already, here or in another tab.');
  };
}

async function resumeAny(deps: SessionOpenerDeps, request: SessionRequest): Promise<OpenedSession | null> {
  const file = { filename: request.filename, size: request.file.size };
  const candidates = resumableSessions(await deps.service.sessions(request.signal), file);
  for (const candidate of candidates) {
    if (deps.claimed.has(candidate.session_id) || !(await isOf(candidate, request))) continue;
    const opened = await claim(deps, candidate);
    if (opened) return opened;
  }
  return null;
}

/** A session that declared a digest is only fed with the very file. */
async function isOf(session: SessionStatus, request: SessionRequest): Promise<boolean> {
  const length = lengthOf(session);
  if (length !== null && length !== request.file.size) return false;
  return session.sha256 === null || session.sha256 === (await request.digest());
}

async function initiate(deps: SessionOpenerDeps, request: SessionRequest): Promise<OpenedSession> {
  const { context, format, transfer } = request.options;
  const created: InitiateResponse = await deps.service.initiate(
    {
      dashboard_context: { source_section: 'video_analysis', workflow_type: 'single_upload', ...context },
      expected_file_size: request.file.size,
      ...(request.filename === '' ? {} : { filename: request.filename }),
      ...(format === undefined ? {} : { file_format: format }),
      ...(declaresDigest(request.options) ? { sha256: await request.digest() } : {}),
      ...(transfer === 'direct' ? { transfer } : {}),
    },
    request.idempotencyKey,
  );
  const release = await deps.platform.claim(claimName(created.session_id));
  return opened(deps, release, {
    sessionId: created.session_id,
    uploadUrl: created.upload_url,
    expiresAt: created.session_expires_at,
    resumed: false,
  });
}

async function claim(deps: SessionOpenerDeps, session: SessionStatus): Promise<OpenedSession | null> {
  if (session.upload_url === null || deps.claimed.has(session.session_id)) return null;
  const release = await deps.platform.claim(claimName(session.session_id));
  if (release === null) return null;
  return opened(deps, release, {
    sessionId: session.session_id,
    uploadUrl: session.upload_url,
    expiresAt: session.expires_at,
    resumed: true,
  });
}

function opened(
  deps: SessionOpenerDeps,
  release: (() => void) | null,
  session: UploadSession,
): OpenedSession {
  deps.claimed.add(session.sessionId);
  return {
    ...session,
    uploadUrl: deps.http.resolve(session.uploadUrl),
    release() {
      deps.claimed.delete(session.sessionId);
      release?.();
    },
  };
}

function claimName(sessionId: string): string {
  return `sluice:${sessionId}`;
}
