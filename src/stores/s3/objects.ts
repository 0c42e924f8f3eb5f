import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { Calls } from './call.ts';
import { isNoSuchObject, silence, storageFault } from './faults.ts';
import { UPLOAD_METADATA } from './multipart.ts';
import { unlessAborted } from './unless-aborted.ts';

/** S3's object calls, each with a deadline, their faults translated. */
export type Objects = ReturnType<typeof createObjects>;

export interface FoundObject {
  readonly bytes: number;
  /** The upload that made it, as its metadata says. */
  readonly mark: string | null;
}

export function createObjects(deps: { client: S3Client; bucket: string; calls: Calls }) {
  const { client, bucket: Bucket, calls } = deps;
  const { deadlines } = calls;

  async function put(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    const command = new PutObjectCommand({ Bucket, Key: key, Body: body });
    await calls.transfer(body.length, (options) => client.send(command, options), signal);
  }

  async function head(key: string): Promise<FoundObject | null> {
    const command = new HeadObjectCommand({ Bucket, Key: key });
    try {
      const found = await calls.prompt((options) => client.send(command, options));
      return { bytes: found.ContentLength ?? 0, mark: found.Metadata?.[UPLOAD_METADATA] ?? null };
    } catch (fault) {
      if (isNoSuchObject(fault)) return null;
      throw fault;
    }
  }

  /** Up to `length` bytes from `first` on. Ends early where the object does; throws where there is none. */
  async function* read(
    key: string,
    range: { readonly first: number; readonly length: number | null },
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const { first, length } = range;
    if (length === 0) return;
    const last = length === null ? '' : first + length - 1;
    const command = new GetObjectCommand({ Bucket, Key: key, Range: `bytes=${first}-${last}` });
    // One stalled read is bounded, not the whole of it: whoever takes the bytes may take them slowly.
    const stalled = new AbortController();
    const abortSignal = signal ? AbortSignal.any([signal, stalled.signal]) : stalled.signal;
    const within = async <T>(ms: number, step: Promise<T>): Promise<T> => {
      const timer = setTimeout(() => stalled.abort(silence()), ms);
      return step.finally(() => clearTimeout(timer));
    };
    try {
      const { Body } = await within(deadlines.callMs, client.send(command, { abortSignal }));
      if (!(Body instanceof Readable)) throw new Error('S3 answered without a body');
      const chunks: AsyncIterator<Uint8Array> = Body[Symbol.asyncIterator]();
      try {
        for (;;) {
          // A body that was aborted does not always end its iteration by itself.
          const next = await within(deadlines.transferMs, unlessAborted(chunks.next(), abortSignal));
          if (next.done) return;
          yield next.value;
        }
      } finally {
        Body.destroy();
      }
    } catch (fault) {
      throw storageFault(stalled.signal.aborted ? stalled.signal.reason : fault);
    }
  }

  /** Gone already is as good as deleted: S3 says 204 then, but servers over a file system may say 404 to the second of two. */
  async function remove(keys: readonly string[]): Promise<void> {
    for (const Key of keys) {
      const command = new DeleteObjectCommand({ Bucket, Key });
      try {
        await calls.prompt((options) => client.send(command, options));
      } catch (fault) {
        if (!isNoSuchObject(fault)) throw fault;
      }
    }
  }

  async function* list(prefix: string): AsyncGenerator<{ readonly key: string; readonly changedAt: number }> {
    let ContinuationToken: string | undefined;
    do {
      const command = new ListObjectsV2Command({ Bucket, Prefix: prefix, ContinuationToken });
      const page = await calls.prompt((options) => client.send(command, options));
      for (const { Key, LastModified } of page.Contents ?? []) {
        if (Key) yield { key: Key, changedAt: LastModified?.getTime() ?? Date.now() };
      }
      ContinuationToken = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (ContinuationToken);
  }

  async function check(): Promise<void> {
    await calls.prompt((options) => client.send(new HeadBucketCommand({ Bucket }), options));
  }

  return { put, head, read, remove, list, check };
}
