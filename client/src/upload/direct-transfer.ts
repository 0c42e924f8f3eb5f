import type { HttpResponse, HttpStack } from 'tus-js-client';
import type { Http } from '../api/http.ts';
import { isSluiceApiError, SluiceApiError, toApiError } from '../errors.ts';
import type { Transfer, TransferTask } from './transfer.ts';
import { errorFromResponse } from './tus-transfer.ts';
import { createWatchdog } from './watchdog.ts';

/** Parts at the same time: enough to fill a line, few enough for a browser's six connections per host. */
const PARALLEL_PARTS = 4;

interface PartsView {
  readonly part_size: number;
  readonly parts: readonly { readonly part_number: number; readonly etag: string; readonly size: number }[];
}

interface PartUrls {
  readonly parts: readonly {
    readonly part_number: number;
    readonly url: string;
    readonly headers?: Readonly<Record<string, string>>;
  }[];
}

/**
 * Sends straight to the object store, in parts, by addresses that the service signs for each. What has arrived
 * before is asked for first, so that a repetition sends only what is missing.
 *
 * Parts that were begun from here and never answered are sent again even where the store lists them: there are
 * stores that keep half a part as a whole one.
 *
 * @param through what sends to a session that takes no parts.
 */
export function createDirectTransfer(http: Http, httpStack: HttpStack, through: Transfer): Transfer {
  const unsureParts = new Map<string, Set<number>>();

  return async (task) => {
    const address = (name: string) => {
      const url = new URL(task.uploadUrl);
      url.pathname += `/${name}`;
      return url.href;
    };
    const call = { signal: task.signal, withoutCredentials: true, once: true };
    const view = await http.json<PartsView>(address('parts'), call).catch(nullWhereNoParts);
    // A session that was begun without parts is finished without them.
    if (view === null) return through(task);
    const etags = new Map(view.parts.map((part) => [part.part_number, part.etag]));
    const count = Math.max(1, Math.ceil(task.file.size / view.part_size));
    const unsure = unsureParts.get(task.uploadUrl) ?? new Set();
    unsureParts.set(task.uploadUrl, unsure);
    const missing = numbers(count).filter((number) => !etags.has(number) || unsure.has(number));
    const progress = createPartProgress(task, view);

    await inParallel(missing, PARALLEL_PARTS, task.signal, async (number, signal) => {
      const { parts } = await http.json<PartUrls>(address('parts'), {
        ...call,
        signal,
        method: 'POST',
        body: { part_numbers: [number] },
      });
      const part = parts.find((candidate) => candidate.part_number === number);
      if (!part) throw new SluiceApiError('UNEXPECTED_RESPONSE', `The service signed no part ${number}.`);
      const start = (number - 1) * view.part_size;
      const bytes = task.file.slice(start, Math.min(start + view.part_size, task.file.size));
      unsure.add(number);
      const response = await putPart(httpStack, { ...task, signal }, part, bytes, (sent) =>
        progress(number, sent),
      );
      unsure.delete(number);
      const etag = response.getHeader('ETag');
      if (etag) etags.set(number, etag);
      else etags.delete(number);
    });

    // A bucket that does not expose ETag to browsers: the service knows them.
    if (etags.size < count) {
      const arrived = await http.json<PartsView>(address('parts'), call);
      for (const part of arrived.parts) etags.set(part.part_number, part.etag);
    }
    const parts = numbers(count).map((number) => ({ part_number: number, etag: etags.get(number) }));
    await http.json(address('complete'), { ...call, method: 'POST', body: { parts } });
    unsureParts.delete(task.uploadUrl);
  };
}

function nullWhereNoParts(error: unknown): null {
  if (isSluiceApiError(error) && (error.code === 'CONFLICT' || error.code === 'NOT_FOUND')) return null;
  throw error;
}

function createPartProgress(task: TransferTask, view: PartsView): (number: number, bytes: number) => void {
  const sent = new Map(view.parts.map((part) => [part.part_number, part.size]));
  const tell = () => task.onProgress([...sent.values()].reduce((sum, bytes) => sum + bytes, 0));
  tell();
  return (number, bytes) => {
    sent.set(number, bytes);
    tell();
  };
}

function putPart(
  httpStack: HttpStack,
  task: TransferTask,
  part: PartUrls['parts'][number],
  bytes: Blob,
  onProgress: (sent: number) => void,
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    task.signal.throwIfAborted();
    const request = httpStack.createRequest('PUT', part.url);
    for (const [name, value] of Object.entries(part.headers ?? {})) request.setHeader(name, value);
    const stop = (reason: unknown) => {
      void request.abort();
      reject(reason);
    };
    const watchdog = createWatchdog(task.stallTimeoutMs, stop);
    const onAbort = () => stop(task.signal.reason);
    task.signal.addEventListener('abort', onAbort, { once: true });
    request.setProgressHandler((sent) => {
      watchdog.pat();
      onProgress(sent);
    });
    request
      .send(bytes)
      .then((response) => {
        if (response.getStatus() >= 300) throw partRefused(response);
        onProgress(bytes.size);
        resolve(response);
      })
      .catch((error) => reject(toApiError(error)))
      .finally(() => {
        watchdog.stop();
        task.signal.removeEventListener('abort', onAbort);
      });
  });
}

/** The object store's own words mean nothing here; a signature that has run out passes with the next one. */
function partRefused(response: HttpResponse): SluiceApiError {
  const error = errorFromResponse(response);
  if (error.code !== 'UNEXPECTED_RESPONSE') return error;
  return new SluiceApiError('NETWORK_ERROR', `The object store refused a part (${response.getStatus()}).`, {
    status: response.getStatus(),
    retryAfterSeconds: error.retryAfterSeconds,
  });
}

/** The first failure stops the others. */
async function inParallel<T>(
  items: readonly T[],
  limit: number,
  outer: AbortSignal,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([outer, failed.signal]);
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item, signal);
  };
  try {
    await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  } catch (error) {
    failed.abort(error);
    throw error;
  }
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
