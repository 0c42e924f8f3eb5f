import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { Part } from '../../core/ports.ts';
import type { Calls } from './call.ts';
import { isNoSuchUpload, storageFault } from './faults.ts';

/** Object metadata by which a completed upload is recognised: the session, and which of its uploads it was. */
export const UPLOAD_METADATA = 'sluice-upload';

export interface UploadRef {
  readonly key: string;
  readonly uploadId: string;
}

export interface OpenUpload extends UploadRef {
  readonly initiatedAt: number;
}

export interface StoredPart {
  readonly number: number;
  readonly bytes: number;
  readonly etag: string;
}

/** S3's multipart calls, each with a deadline, their faults translated. */
export type Multipart = ReturnType<typeof createMultipart>;

export function createMultipart(deps: {
  readonly client: S3Client;
  readonly bucket: string;
  readonly calls: Calls;
  /** Whether the storage answers at all. */
  readonly look: () => Promise<void>;
}) {
  const { client, bucket: Bucket, calls, look } = deps;
  const { deadlines } = calls;
  const named = ({ key, uploadId }: UploadRef) => ({ Bucket, Key: key, UploadId: uploadId });

  /**
   * @param onRetried Called where S3 was asked more than once: an answer may have been lost, and with it the id of
   *   an upload that nobody will ever complete or abort.
   */
  async function create(key: string, mark: string, onRetried?: () => void): Promise<string> {
    const Metadata = { [UPLOAD_METADATA]: mark };
    const command = new CreateMultipartUploadCommand({ Bucket, Key: key, Metadata });
    // A busy server may take its time for this one.
    const { UploadId, $metadata } = await calls.patient(
      deadlines.transferMs,
      (options) => client.send(command, options),
      look,
    );
    if (($metadata.attempts ?? 1) > 1) onRetried?.();
    return present(UploadId, 'upload id');
  }

  /** @returns The part's ETag. */
  async function upload(
    ref: UploadRef,
    part: { readonly number: number; readonly body: Uint8Array; readonly signal?: AbortSignal },
  ): Promise<string> {
    const { number, body, signal } = part;
    const command = new UploadPartCommand({ ...named(ref), PartNumber: number, Body: body });
    const { ETag } = await calls.transfer(body.length, (options) => client.send(command, options), signal);
    return present(ETag, 'ETag of a part');
  }

  /** Bytes `first` … `last` of an object become a part, without passing through here. */
  async function copy(
    ref: UploadRef,
    part: { readonly number: number; readonly from: string; readonly first: number; readonly last: number },
  ): Promise<string> {
    const { number, from, first, last } = part;
    const command = new UploadPartCopyCommand({
      ...named(ref),
      PartNumber: number,
      CopySource: encodeURI(`${Bucket}/${from}`),
      CopySourceRange: `bytes=${first}-${last}`,
    });
    const { CopyPartResult } = await calls.transfer(last - first + 1, (options) =>
      client.send(command, options),
    );
    return present(CopyPartResult?.ETag, 'ETag of a copied part');
  }

  /** May have happened though it throws: its answer can be lost. */
  async function complete(ref: UploadRef, parts: readonly Pick<Part, 'number' | 'etag'>[]): Promise<void> {
    const Parts = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag }));
    const command = new CompleteMultipartUploadCommand({ ...named(ref), MultipartUpload: { Parts } });
    const { ETag } = await calls.patient(
      deadlines.completeMs,
      (options) => client.send(command, options),
      look,
    );
    // S3 says 200 before it knows how it ends, and may put an error into the body. Only an ETag means success.
    present(ETag, 'ETag of the completed object');
  }

  /** Gone already is as good as aborted. */
  async function abort(ref: UploadRef): Promise<void> {
    const command = new AbortMultipartUploadCommand(named(ref));
    try {
      await calls.prompt((options) => client.send(command, options));
    } catch (fault) {
      if (!isNoSuchUpload(fault)) throw fault;
    }
  }

  async function exists(ref: UploadRef): Promise<boolean> {
    const command = new ListPartsCommand({ ...named(ref), MaxParts: 1 });
    try {
      await calls.prompt((options) => client.send(command, options));
      return true;
    } catch (fault) {
      if (isNoSuchUpload(fault)) return false;
      throw fault;
    }
  }

  /** What S3 has received, in order of the numbers. Null where there is no such upload (any more). */
  async function list(ref: UploadRef): Promise<StoredPart[] | null> {
    const found: StoredPart[] = [];
    let marker: string | undefined;
    try {
      do {
        const command = new ListPartsCommand({ ...named(ref), PartNumberMarker: marker });
        const page = await calls.prompt((options) => client.send(command, options));
        for (const { PartNumber = 0, Size = 0, ETag = '' } of page.Parts ?? []) {
          found.push({ number: PartNumber, bytes: Size, etag: ETag });
        }
        marker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
      } while (marker);
    } catch (fault) {
      if (isNoSuchUpload(fault)) return null;
      throw fault;
    }
    return found;
  }

  /** Uploads that are neither completed nor aborted, of keys that begin with `prefix`. */
  async function* open(prefix: string): AsyncGenerator<OpenUpload> {
    let KeyMarker: string | undefined;
    let UploadIdMarker: string | undefined;
    do {
      const command = new ListMultipartUploadsCommand({ Bucket, Prefix: prefix, KeyMarker, UploadIdMarker });
      const page = await calls.prompt((options) => client.send(command, options));
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (!Key || !UploadId) continue;
        yield { key: Key, uploadId: UploadId, initiatedAt: Initiated?.getTime() ?? Date.now() };
      }
      KeyMarker = page.IsTruncated ? page.NextKeyMarker : undefined;
      UploadIdMarker = page.NextUploadIdMarker;
    } while (KeyMarker);
  }

  return { create, upload, copy, complete, abort, exists, list, open };
}

function present(value: string | undefined, what: string): string {
  if (!value) throw storageFault(new Error(`S3 answered without the ${what}`));
  return value;
}
