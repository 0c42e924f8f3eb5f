import type { SessionStatus } from '../api/types.ts';
import type { SluiceApiError } from '../errors.ts';
import type { RetryPlan } from '../retry.ts';
import type { UploadOptions } from './options.ts';
import type { Watcher } from './run.ts';
import type { UploadSession, UploadSnapshot, UploadState } from './snapshot.ts';
import { createSpeed } from './speed.ts';

/** Keeps an upload's snapshot, and tells whoever wants to know. */
export interface Tracker extends Watcher {
  snapshot(): UploadSnapshot;
  subscribe(listener: (snapshot: UploadSnapshot) => void): () => void;
  end(state: UploadState, error: SluiceApiError | null): void;
  /** As it was before the start. */
  reset(): void;
}

/** Progress between two changes of state is told at most so often. */
const PROGRESS_EVERY_MS = 100;

let uploads = 0;

export function createTracker(
  what: Pick<UploadSnapshot, 'filename' | 'bytesTotal'>,
  options: Pick<UploadOptions, 'onProgress' | 'onState'>,
  onChange: (snapshot: UploadSnapshot, stateChanged: boolean) => void,
): Tracker {
  uploads += 1;
  const initial: UploadSnapshot = {
    id: `upload-${uploads}`,
    ...what,
    state: 'waiting',
    session: null,
    bytesUploaded: 0,
    bytesHashed: 0,
    bytesPerSecond: null,
    secondsLeft: null,
    error: null,
    retry: null,
  };
  const speed = createSpeed();
  const listeners = new Set<(snapshot: UploadSnapshot) => void>();
  let current = initial;
  let told = 0;
  let late: ReturnType<typeof setTimeout> | null = null;

  function change(changes: Partial<UploadSnapshot>): void {
    const before = current.state;
    current = { ...current, ...changes };
    if (late) clearTimeout(late);
    late = null;
    const stateChanged = current.state !== before;
    if (stateChanged) options.onState?.(current.state, current);
    for (const listener of listeners) listener(current);
    onChange(current, stateChanged);
  }

  function progress(changes: Partial<UploadSnapshot>): void {
    current = { ...current, ...changes };
    const due = told + PROGRESS_EVERY_MS - Date.now();
    if (due <= 0) tell();
    // The last word before a silence is said too.
    else late ??= setTimeout(tell, due);
  }

  function tell(): void {
    told = Date.now();
    change({});
    options.onProgress?.(current, current);
  }

  return {
    snapshot: () => current,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    state(state) {
      if (state === current.state) return;
      if (state !== 'uploading') speed.restart();
      change({ state, ...(state === 'uploading' ? {} : { bytesPerSecond: null, secondsLeft: null }) });
    },
    hashed: (bytesHashed) => progress({ bytesHashed }),
    uploaded(bytesUploaded) {
      speed.note(bytesUploaded, Date.now());
      const bytesPerSecond = speed.bytesPerSecond();
      const left = what.bytesTotal - bytesUploaded;
      progress({ bytesUploaded, bytesPerSecond, secondsLeft: bytesPerSecond ? left / bytesPerSecond : null });
    },
    session: (session: UploadSession) => {
      const { sessionId, uploadUrl, expiresAt, resumed } = session;
      change({ session: { sessionId, uploadUrl, expiresAt, resumed } });
    },
    status(status: SessionStatus) {
      const session = current.session && { ...current.session, expiresAt: status.expires_at };
      change({ session, bytesUploaded: status.upload_offset });
    },
    waits(retry: RetryPlan | null) {
      speed.restart();
      change({ retry, ...(retry ? { bytesPerSecond: null, secondsLeft: null } : {}) });
    },
    end(state, error) {
      const all = state === 'done' ? { bytesUploaded: what.bytesTotal } : {};
      change({ state, error, retry: null, bytesPerSecond: null, secondsLeft: null, ...all });
      if (state === 'done') options.onProgress?.(current, current);
    },
    reset() {
      speed.restart();
      change({ ...initial, id: current.id });
    },
  };
}
