import type { Readable } from 'node:stream';

/**
 * The bytes of one request, gathered straight from its 'data' events.
 *
 * It is opened in the first hook of a request, before anything is awaited, for two reasons. An 'error' that
 * comes while nobody listens would end the process. And a client that dies while the service still looks up
 * its session has its unread bytes thrown away by Node (`IncomingMessage` is destroyed with its buffer): bytes
 * gathered here survive that, so a request cut at any byte keeps its prefix. What waits in that buffer while it
 * is paused gives no 'data' any more, but can still be read.
 */
export interface RequestBody {
  /** `open` until the request ended, was cut by its client, or was stopped by us. */
  readonly state: 'open' | 'ended' | 'cut' | 'stopped';
  /** `Content-Length`, or null where the body is chunked. 0 for a request without a body. */
  readonly declaredLength: number | null;
  /** Bytes that came in, taken or not. */
  readonly received: number;
  /** Bytes gathered and not yet taken. */
  readonly gathered: number;
  /** The socket is paused because whoever takes the bytes is slower than the client. */
  readonly paused: boolean;
  /** Resolves once at least `bytes` are gathered, the body is no longer open, or `nudge` is called. */
  ready(bytes: number): Promise<void>;
  nudge(): void;
  /** Hand over all that is gathered and read on. */
  take(): Buffer[];
  /** Gather from now on up to this many bytes, which may be fewer than before, until the socket is paused. */
  widen(highWaterBytes: number): void;
  /** Take in nothing more. What is gathered stays. */
  stop(): void;
  /**
   * Throw away what still comes, but no more than so many bytes; then wait, so that a client that is not read
   * any more comes to read its answer. Resolves when the body ends, or after `ms`.
   */
  drain(bounds: { readonly bytes: number; readonly ms: number }): Promise<void>;
}

/** Gathered before anybody is known to want the bytes: as much as Node would have buffered. */
const UNADMITTED_BYTES = 64 * 1024;
/** Pieces smaller than this are copied together, so that a body of one-byte chunks costs one byte each. */
const SMALL_PIECE = 4096;
const SCRATCH_BYTES = 64 * 1024;

export function openRequestBody(source: Readable, headers: BodyHeaders): RequestBody {
  const declaredLength = declaredLengthOf(headers);
  let state: RequestBody['state'] = declaredLength === 0 ? 'ended' : 'open';
  let received = 0;
  let gathered = 0;
  let pieces: Buffer[] = [];
  let scratch: Buffer | null = null;
  let scratchUsed = 0;
  let highWater = UNADMITTED_BYTES;
  let paused = false;
  let wanted = Number.POSITIVE_INFINITY;
  let wake: (() => void) | null = null;
  let discarded: ((bytes: number) => void) | null = null;

  function nudge(): void {
    const resolve = wake;
    wake = null;
    resolve?.();
  }

  function over(end: 'ended' | 'cut'): void {
    if (state === 'open' && end === 'cut') salvage();
    if (state === 'open') state = end;
    nudge();
    discarded?.(Number.POSITIVE_INFINITY);
  }

  function flushScratch(): void {
    if (scratch && scratchUsed > 0) pieces.push(scratch.subarray(0, scratchUsed));
    scratch = null;
    scratchUsed = 0;
  }

  function gather(chunk: Buffer): void {
    if (chunk.length >= SMALL_PIECE) {
      flushScratch();
      pieces.push(chunk);
      return;
    }
    if (scratch && scratchUsed + chunk.length > SCRATCH_BYTES) flushScratch();
    scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    scratchUsed += chunk.copy(scratch, scratchUsed);
  }

  function keep(chunk: Buffer): void {
    received += chunk.length;
    gathered += chunk.length;
    gather(chunk);
  }

  function salvage(): void {
    for (;;) {
      const chunk: unknown = source.read();
      if (!Buffer.isBuffer(chunk)) return;
      keep(chunk);
    }
  }

  function onData(chunk: Buffer): void {
    if (state !== 'open') {
      discarded?.(chunk.length);
      return;
    }
    keep(chunk);
    if (gathered >= highWater && !paused) {
      paused = true;
      source.pause();
    }
    if (gathered >= wanted) nudge();
  }

  // Errors mean that the client is gone; 'close' always follows, but not always before them.
  source.on('error', () => over('cut'));
  if (state === 'open') {
    source.on('end', () => over('ended'));
    source.on('close', () => over('cut'));
    source.on('data', onData);
  }

  return {
    declaredLength,
    nudge,
    get state() {
      return state;
    },
    get received() {
      return received;
    },
    get gathered() {
      return gathered;
    },
    get paused() {
      return paused;
    },

    ready(bytes) {
      if (state !== 'open' || gathered >= bytes) return Promise.resolve();
      wanted = bytes;
      return new Promise((resolve) => {
        wake = resolve;
      });
    },

    take() {
      flushScratch();
      const taken = pieces;
      pieces = [];
      gathered = 0;
      if (paused && state === 'open') {
        paused = false;
        source.resume();
      }
      return taken;
    },

    widen(bytes) {
      highWater = bytes;
      if (paused && gathered < highWater && state === 'open') {
        paused = false;
        source.resume();
      }
    },

    stop() {
      if (state !== 'open') return;
      state = 'stopped';
      source.pause();
      nudge();
    },

    drain(bounds) {
      if (state === 'ended' || state === 'cut' || source.destroyed || source.readableEnded) {
        return Promise.resolve();
      }
      state = 'stopped';
      pieces = [];
      scratch = null;
      let left = bounds.bytes;
      return new Promise((resolve) => {
        const timer = setTimeout(done, bounds.ms);
        function done(): void {
          clearTimeout(timer);
          discarded = null;
          source.pause();
          resolve();
        }
        discarded = (bytes) => {
          left -= bytes;
          if (left === Number.NEGATIVE_INFINITY) done();
          else if (left <= 0) source.pause();
        };
        source.resume();
      });
    },
  };
}

interface BodyHeaders {
  readonly 'content-length'?: string | undefined;
  readonly 'transfer-encoding'?: string | undefined;
}

/** Node's parser has refused malformed and contradicting lengths already. */
function declaredLengthOf(headers: BodyHeaders): number | null {
  if (headers['transfer-encoding'] !== undefined) return null;
  return Number(headers['content-length'] ?? 0);
}
