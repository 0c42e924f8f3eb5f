import { createEvents, type EventsOptions, type SluiceEvent } from './api/events.ts';
import { createHttp, type HttpOptions } from './api/http.ts';
import { createService } from './api/service.ts';
import type { Quota, SessionStatus } from './api/types.ts';
import type { Platform } from './platform/platform.ts';
import { type Batch, type BatchOptions, createBatches } from './upload/batch.ts';
import type { BatchPlan } from './upload/batch-plan.ts';
import { checkFile } from './upload/check-files.ts';
import { createDirectTransfer } from './upload/direct-transfer.ts';
import { createSessionOpener } from './upload/open-session.ts';
import type { UploadOptions } from './upload/options.ts';
import { createRun } from './upload/run.ts';
import { createSlots } from './upload/slots.ts';
import type { UploadSnapshot } from './upload/snapshot.ts';
import { createTusTransfer } from './upload/tus-transfer.ts';
import { createUpload, type Upload } from './upload/upload.ts';

export interface ClientOptions extends HttpOptions {
  /** Uploads at the same time, whoever started them. Default 3. */
  readonly concurrency?: number;
  /** Give a connection up after so many milliseconds in which no byte moved. Default 60 000. */
  readonly stallTimeoutMs?: number;
}

/**
 * A signed-in user's way to the service. All failures are `SluiceApiError`, or the reason of a given signal; a
 * `TypeError` says that something else was given than is taken.
 */
export interface SluiceClient {
  upload(file: Blob, options?: UploadOptions): Upload;
  /**
   * Several files. The whole batch is held against the quota first: where it does not fit, nothing starts and
   * `QUOTA_EXCEEDED` is thrown, with the plan in `details.plan` (see `onlyFitting`).
   */
  uploadAll(files: Iterable<File>, options?: BatchOptions): Promise<Batch>;
  /** What the batch would do to the quota, which files would fit, and which would go on with a session. */
  plan(files: Iterable<File>, options?: { readonly signal?: AbortSignal }): Promise<BatchPlan>;
  quota(options?: { readonly signal?: AbortSignal }): Promise<Quota>;
  /** The caller's live sessions, newest first, also those begun elsewhere. */
  sessions(options?: { readonly signal?: AbortSignal }): Promise<SessionStatus[]>;
  /** One session, also after its end, for as long as it is remembered. */
  session(sessionId: string, options?: { readonly signal?: AbortSignal }): Promise<SessionStatus>;
  /** What happens to the caller's sessions and quota, wherever; reconnects by itself until the loop is left. */
  events(options?: EventsOptions): AsyncGenerator<SluiceEvent, void, undefined>;
  /** Calls back when an upload of this client changes its state. The function that comes back ends it. */
  onUpload(listener: (upload: UploadSnapshot) => void): () => void;
}

/** For `browser.ts` and `node.ts`; everybody else takes `createClient` from there. */
export function createClientOn(platform: Platform, options: ClientOptions): SluiceClient {
  const http = createHttp(options, platform);
  const service = createService(http);
  const slots = createSlots(options.concurrency ?? 3);
  const listeners = new Set<(upload: UploadSnapshot) => void>();
  const tus = createTusTransfer(platform.httpStack);
  const run = createRun({
    service,
    platform,
    openSession: createSessionOpener({ http, service, platform, claimed: new Set() }),
    transfers: { tus, direct: createDirectTransfer(http, platform.httpStack, tus) },
    retry: options.retry ?? {},
    stallTimeoutMs: options.stallTimeoutMs ?? 60_000,
  });

  function upload(file: Blob, uploadOptions: UploadOptions = {}): Upload {
    checkFile(file);
    const deps = {
      run,
      slots,
      cancelSession: service.cancel,
      onChange(snapshot: UploadSnapshot, stateChanged: boolean) {
        if (stateChanged) for (const listener of listeners) listener(snapshot);
      },
    };
    return createUpload(deps, file, uploadOptions);
  }

  const batches = createBatches(service, upload);
  return {
    upload,
    ...batches,
    quota: ({ signal } = {}) => service.quota(signal),
    sessions: ({ signal } = {}) => service.sessions(signal),
    session: (sessionId, { signal } = {}) => service.session(sessionId, signal),
    events: createEvents(http, platform, options.retry),
    onUpload(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
