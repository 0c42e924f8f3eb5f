import { SluiceError } from '../../core/errors.ts';
import type {
  Accounts,
  Concatenation,
  DueSessions,
  OpenedText,
  SessionStore,
  TextCipher,
} from '../../core/ports.ts';
import type { Session, SessionDraft } from '../../core/session.ts';

/**
 * Any session store, with what users told about their files encrypted before the store sees it: the
 * dashboard's context, the filename and the upload metadata, sealed together in the place of the context. What
 * the store decides on (sizes, times, owner, format, digest) it has to read, and keeps as it is.
 */
type Store = SessionStore & Accounts & DueSessions & Partial<Concatenation>;

type Sealed = Pick<SessionDraft, 'dashboardContext' | 'filename' | 'uploadMetadata'>;

interface Deps {
  readonly cipher: TextCipher;
  /** Told of each session that cannot be read: somebody changed it, moved it here, or dropped its key too early. */
  readonly onUnreadable: (sessionId: string, why: Exclude<OpenedText, { kind: 'opened' }>) => void;
}

/** What is left of a session that cannot be read, for those who only have to put an end to it. */
const UNREADABLE: Sealed = { dashboardContext: '{}', filename: null, uploadMetadata: null };

export function encryptSessions<S extends Store>(store: S, { cipher, onUnreadable }: Deps): S {
  function sealDraft(draft: SessionDraft, sessionId: string): SessionDraft {
    const { dashboardContext, filename, uploadMetadata } = draft;
    const text = `${JSON.stringify([filename, uploadMetadata])}\n${dashboardContext}`;
    return { ...draft, ...UNREADABLE, dashboardContext: cipher.seal(text, sessionId) };
  }

  function tryOpen(session: Session): Session | null {
    const stored = session.dashboardContext;
    const opened = cipher.open(stored, session.sessionId);
    if (opened.kind === 'unreadable') {
      onUnreadable(session.sessionId, opened);
      return null;
    }
    return opened.text === stored ? session : { ...session, ...readSealed(opened.text) };
  }

  function open(session: Session): Session {
    const readable = tryOpen(session);
    if (readable) return readable;
    throw new SluiceError('INTERNAL_ERROR', 'The upload session cannot be read. Start a new one.', {
      cause: new Error(`the data of session ${session.sessionId} cannot be decrypted`),
    });
  }

  const openOrStrip = (session: Session): Session => tryOpen(session) ?? { ...session, ...UNREADABLE };
  const withSession = <R extends object>(result: R, read: (session: Session) => Session): R =>
    'session' in result ? { ...result, session: read(result.session as Session) } : result;

  const { merge } = store;

  return {
    ...store,
    ...(merge && {
      merge: async (...args: Parameters<typeof merge>) => withSession(await merge(...args), open),
    }),
    async admit(admission) {
      const draft = sealDraft(admission.draft, admission.sessionId);
      return withSession(await store.admit({ ...admission, draft }), open);
    },
    async find(sessionId) {
      const found = await store.find(sessionId);
      return found && open(found);
    },
    take: async (sessionId, writer) => withSession(await store.take(sessionId, writer), open),
    commit: async (...args) => withSession(await store.commit(...args), open),
    async liveSessions(userId) {
      const live = await store.liveSessions(userId);
      return live.map(tryOpen).filter((session) => session !== null);
    },
    // Ending a session needs nothing of what is encrypted: an unreadable one must not stay for ever.
    end: async (...args) => withSession(await store.end(...args), openOrStrip),
    async finish(...args) {
      const finished = await store.finish(...args);
      return finished && openOrStrip(finished);
    },
    due: async (limit) => (await store.due(limit)).map(openOrStrip),
  };
}

function readSealed(text: string): Sealed {
  const end = text.indexOf('\n');
  const [filename, uploadMetadata]: readonly unknown[] = JSON.parse(text.slice(0, end));
  return {
    dashboardContext: text.slice(end + 1),
    filename: typeof filename === 'string' ? filename : null,
    uploadMetadata: typeof uploadMetadata === 'string' ? uploadMetadata : null,
  };
}
