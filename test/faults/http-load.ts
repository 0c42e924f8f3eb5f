import { randomUUID } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { ServiceProcess } from '../e2e/service.ts';
import { createRandom, videoOf } from '../e2e/videos.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';

/** What a load saw: everything that was answered, and what came of the uploads. */
export interface HttpLoad {
  readonly users: readonly string[];
  /** Sessions whose completion was acknowledged. */
  readonly completed: ReadonlySet<string>;
  /** Answers by status and code; `no answer` where the connection ended without one. */
  readonly answers: ReadonlyMap<string, number>;
  /** Longest answer in milliseconds: of requests without a file, and of uploads, which may wait for a store. */
  readonly longestMs: { readonly control: number; readonly upload: number };
  /** Longest time in which this process, which asks and takes the time, could not run itself, in milliseconds. */
  readonly ownDelayMs: () => number;
  /** Uploads that each user completed. */
  readonly completedBy: ReadonlyMap<string, number>;
  /** Longest time in which some user was not admitted, in milliseconds. */
  readonly longestOutageMs: () => number;
  stop(): Promise<void>;
}

interface LoadOptions {
  readonly services: readonly ServiceProcess[];
  readonly callers: number;
  readonly seed: number;
  readonly fileBytes?: number;
  /** Uploads a second of all callers together; default: as many as there can be. */
  readonly perSecond?: number;
}

/** Retried because it may help: anything else is an answer. */
const isRetried = (status: number) => status === 503 || status === 0;

/**
 * Callers, each a user of his own, who without a pause start a session, send a file (nine of ten times) or
 * cancel, and try again where they are told to, with the same Idempotency-Key and the same bytes. A session that
 * the service does not know any more is given up.
 */
export function startHttpLoad({
  services,
  callers,
  seed,
  fileBytes = 40_000,
  perSecond,
}: LoadOptions): HttpLoad {
  const file = videoOf(fileBytes, seed);
  const users = Array.from({ length: callers }, () => randomUUID());
  const completed = new Set<string>();
  const answers = new Map<string, number>();
  const longestMs = { control: 0, upload: 0 };
  const stopping = new AbortController();
  const completedBy = new Map<string, number>();
  const startedAt = performance.now();
  const lastAdmittedAt = new Map<string, number>();
  let outageMs = 0;
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();

  function noteOutage(user: string): number {
    const now = performance.now();
    outageMs = Math.max(outageMs, now - (lastAdmittedAt.get(user) ?? startedAt));
    return now;
  }

  async function call(kind: 'control' | 'upload', url: string, init: RequestInit): Promise<Answer> {
    const elapsedMs = startStopwatch();
    let answer: Answer = { status: 0, body: {} };
    try {
      const response = await fetch(url, { ...init, signal: AbortSignal.timeout(60_000) });
      const text = await response.text();
      answer = { status: response.status, body: text ? JSON.parse(text) : {} };
    } catch {
      // The process died, or cut the connection.
    }
    longestMs[kind] = Math.max(longestMs[kind], elapsedMs());
    const code = answer.status >= 400 ? ` ${answer.body.error_code ?? ''}` : '';
    const name = answer.status === 0 ? 'no answer' : `${answer.status}${code}`;
    answers.set(name, (answers.get(name) ?? 0) + 1);
    if (isRetried(answer.status)) await pause(50);
    return answer;
  }

  async function insist(ask: () => Promise<Answer>): Promise<Answer | null> {
    while (!stopping.signal.aborted) {
      const answer = await ask();
      if (!isRetried(answer.status)) return answer;
    }
    return null;
  }

  async function oneUpload(user: string, turn: number, cancels: boolean): Promise<void> {
    const service = () => services[turn++ % services.length] ?? fail();
    const key = randomUUID();
    const authorization = (at: ServiceProcess) => `Bearer ${at.token({ user })}`;
    const initiated = await insist(() => {
      const at = service();
      return call('control', `${at.url}/v1/dashboard/upload/initiate`, {
        method: 'POST',
        headers: {
          authorization: authorization(at),
          'content-type': 'application/json',
          'idempotency-key': key,
        },
        body: JSON.stringify({
          dashboard_context: { source_section: 'faults', workflow_type: 'single_upload' },
          expected_file_size: file.length,
        }),
      });
    });
    if (!initiated || initiated.status > 201) return;
    lastAdmittedAt.set(user, noteOutage(user));
    const id = String(initiated.body.session_id);
    if (cancels) {
      await insist(() => {
        const at = service();
        const headers = { authorization: authorization(at) };
        return call('control', `${at.url}/v1/dashboard/upload/sessions/${id}`, { method: 'DELETE', headers });
      });
      return;
    }
    const { pathname, search } = new URL(String(initiated.body.upload_url), services[0]?.url);
    const done = await insist(() =>
      call('upload', `${service().url}${pathname}${search}`, { method: 'PUT', body: file }),
    );
    if (!done || done.status < 200 || done.status >= 300) return;
    completed.add(id);
    completedBy.set(user, (completedBy.get(user) ?? 0) + 1);
  }

  async function caller(user: string, n: number): Promise<void> {
    const random = createRandom(seed + n);
    let dueAt = performance.now();
    for (let turn = n; !stopping.signal.aborted; turn += 1) {
      await oneUpload(user, turn, random() < 0.1);
      if (!perSecond) continue;
      dueAt += ((2000 * callers) / perSecond) * random();
      await pause(Math.max(0, dueAt - performance.now()));
    }
  }

  const all = Promise.all(users.map(caller));
  all.catch(() => {});
  return {
    users,
    completed,
    answers,
    longestMs,
    completedBy,
    longestOutageMs: () => outageMs,
    ownDelayMs: () => delay.max / 1e6,
    async stop() {
      for (const user of users) noteOutage(user);
      stopping.abort();
      await all;
      delay.disable();
    },
  };
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

function fail(): never {
  throw new Error('A load needs a service.');
}
