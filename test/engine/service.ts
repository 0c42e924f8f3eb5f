import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { buildApp } from '../../src/app.ts';
import { createAdministration } from '../../src/core/administration.ts';
import type { BlobStore, SessionEvent } from '../../src/core/ports.ts';
import type { Session, SessionDraft } from '../../src/core/session.ts';
import { shardOfUser } from '../../src/core/session-id.ts';
import { createUploads, type Limits } from '../../src/core/uploads.ts';
import { createUploadEngine } from '../../src/engine/engine.ts';
import type { Hashing } from '../../src/engine/hashing.ts';
import type { EngineDeps } from '../../src/engine/parts.ts';
import { createUploadTokens } from '../../src/http/auth/upload-token.ts';
import { createDiskBlobStore } from '../../src/stores/disk/blobs.ts';
import { createSqliteLedger, type SqliteLedger } from '../../src/stores/sqlite/ledger.ts';
import { createSqliteSessionStore, type SqliteSessionStore } from '../../src/stores/sqlite/sessions.ts';

const SECRET_KEY = 'a secret of at least thirty-two bytes';

/** The service on one machine, put together as main does, with SQLite and disk behind it. */
export interface ServiceOptions {
  readonly limits?: Partial<Limits>;
  readonly engine?: EngineDeps['limits'];
  readonly quota?: number;
  readonly clock?: { now(): number };
  /** Put something between the engine and the stores. */
  readonly wrapSessions?: (sessions: SqliteSessionStore) => SqliteSessionStore;
  readonly wrapBlobs?: (blobs: BlobStore) => BlobStore;
  readonly wrapLedger?: (ledger: SqliteLedger) => SqliteLedger;
  readonly stopRemoteWriter?: EngineDeps['stopRemoteWriter'];
  readonly hashing?: Hashing;
  /** Go on with the data of a service that was stopped or has "crashed". */
  readonly folder?: string;
}

export type Service = Awaited<ReturnType<typeof startService>>;

export async function startService(t: TestContext, options: ServiceOptions = {}) {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'sluice-test-')));
  const clock = options.clock ?? { now: () => Date.now() };
  const plainStore = createSqliteSessionStore({ file: join(folder, 'sessions.sqlite'), clock });
  const store = options.wrapSessions?.(plainStore) ?? plainStore;
  const plainLedger = createSqliteLedger({
    file: join(folder, 'ledger.sqlite'),
    clock,
    defaultLimitBytes: options.quota ?? 10 * 2 ** 30,
    periodMs: 30 * 86_400_000,
  });
  const ledger = options.wrapLedger?.(plainLedger) ?? plainLedger;
  const uploadFolder = join(folder, 'uploads');
  const tempFolder = join(folder, 'temp');
  const disk = createDiskBlobStore({ uploadFolder, tempFolder, fsync: 'complete' });
  const blobs = options.wrapBlobs?.(disk) ?? disk;
  const seen: SessionEvent[] = [];
  const happenings = new EventEmitter().setMaxListeners(100);
  const events = {
    emit(event: SessionEvent) {
      seen.push(event);
      happenings.emit('session', event);
    },
  };
  const limits: Limits = {
    maxFileSize: 524_288_000,
    sessionTtlMs: 3_600_000,
    maxLifetimeMs: 86_400_000,
    maxActiveSessions: 100,
    allowedFormats: ['mp4', 'avi', 'mov', 'mkv', 'webm'],
    ...options.limits,
  };
  const idKey = Buffer.alloc(32, 1);
  const uploads = createUploads({
    ...{ store, ledger, blobs, events, limits },
    shardOf: (userId) => shardOfUser(idKey, userId),
  });
  const engine = createUploadEngine({
    ...{ sessions: store, blobs, uploads, events },
    instance: `test-${randomBytes(4).toString('hex')}`,
    ...(options.engine && { limits: options.engine }),
    ...(options.hashing && { hashing: options.hashing }),
    ...(options.stopRemoteWriter && { stopRemoteWriter: options.stopRemoteWriter }),
  });

  async function cancel(session: Session) {
    await engine.stop(session);
    return uploads.cancel(session);
  }

  const userId = randomUUID();
  const uploadTokenKey = Buffer.alloc(32, 2);
  const uploadTokens = createUploadTokens({ keys: [uploadTokenKey], maxLifetimeMs: limits.maxLifetimeMs });
  const app = await buildApp({
    ...{
      uploads,
      engine,
      cancel,
      administration: createAdministration({ ledger, store, cancel, maxActiveSessions: 100 }),
      feed: { subscribe: async () => () => {} },
      sessions: store,
      probes: { session_store: store, ledger, storage: disk },
      log: pino({ level: process.env.SLUICE_TEST_LOG_LEVEL ?? 'silent' }),
    },
    settings: {
      jwt: { secretKeys: [SECRET_KEY], jwksUrl: null, issuer: null, audience: null },
      uploadTokenKeys: [uploadTokenKey],
      flask: null,
      publicUrl: null,
      ownAddress: () => null,
      trustProxy: false,
      corsOrigins: '*',
      uploadUrlTtlSeconds: 3600,
      interimResponses: true,
    },
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;

  let stopped = false;
  async function stop(): Promise<void> {
    if (stopped) return;
    stopped = true;
    await engine.close(2000);
    app.server.closeAllConnections();
    await app.close();
    plainStore.close();
    plainLedger.close();
  }
  t.after(async () => {
    await stop();
    await rm(folder, { recursive: true, force: true });
  });

  return {
    ...{
      port,
      app,
      engine,
      uploads,
      store,
      ledger,
      blobs,
      events: seen,
      userId,
      folder,
      uploadFolder,
      tempFolder,
    },
    origin: `http://127.0.0.1:${port}`,
    stop,

    /** A new session, by the admission that initiate uses. */
    async newSession(draft: Partial<SessionDraft> = {}): Promise<Session> {
      const outcome = await uploads.initiate({
        userId,
        idempotencyKey: null,
        draft: {
          dashboardContext: '{"source_section":"test","workflow_type":"single_upload"}',
          expectedFileSize: null,
          fileFormat: null,
          filename: null,
          sha256: null,
          uploadMetadata: null,
          ...draft,
        },
      });
      if (!outcome.ok) throw new Error(outcome.refusal.message);
      return outcome.value.session;
    },
    /** Path and query of its upload_url. */
    target: (session: Session) => `/v1/uploads/${session.sessionId}?token=${uploadTokens.issue(session)}`,
    /** `Authorization` of the user. */
    authorization: (claims: object = {}) => `Bearer ${accessToken({ user_id: userId, ...claims })}`,
    /** Resolves when an event matches; those that came before count too. */
    async happened(matches: (event: SessionEvent) => boolean): Promise<SessionEvent> {
      const before = seen.find(matches);
      if (before) return before;
      return new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error('it never happened')), 60_000);
        happenings.on('session', function listen(event: SessionEvent) {
          if (!matches(event)) return;
          clearTimeout(late);
          happenings.off('session', listen);
          resolve(event);
        });
      });
    },
    async find(session: Pick<Session, 'sessionId'>): Promise<Session> {
      const found = await store.find(session.sessionId);
      if (!found) throw new Error('the session is gone');
      return found;
    },
    partialFiles: () => filesIn(tempFolder),
    finishedFiles: () => filesIn(uploadFolder),
  };
}

function accessToken(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ exp, ...claims })}`;
  return `${signed}.${createHmac('sha256', SECRET_KEY).update(signed).digest('base64url')}`;
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

/** A video as far as recognition looks: an mp4 head, then bytes that differ everywhere. */
export function fakeMp4(bytes: number): Buffer {
  const file = Buffer.alloc(bytes);
  let state = 0x9e3779b9;
  for (let at = 0; at + 4 <= bytes; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    file.writeUInt32LE(state, at);
  }
  Buffer.from('\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41', 'latin1').copy(file);
  return file;
}
