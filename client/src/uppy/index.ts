/** `@sluice/client/uppy`: `uppy.use(Sluice, { client })` in place of Uppy's own uploaders. */
import {
  BasePlugin,
  type Body,
  EventManager,
  type Meta,
  type PluginOpts,
  type Uppy,
  type UppyFile,
} from '@uppy/core';
import type { SessionStatus } from '../api/types.ts';
import type { SluiceClient } from '../client.ts';
import { type SluiceApiError, toApiError } from '../errors.ts';
import type { UploadOptions } from '../upload/options.ts';
import type { UploadSnapshot } from '../upload/snapshot.ts';
import type { Upload } from '../upload/upload.ts';

export interface SluiceOptions<M extends Meta, B extends Body> extends PluginOpts {
  /** Its concurrency limit and retries hold for Uppy's uploads too. */
  readonly client: SluiceClient;
  /** For all files, or made from each: `(file) => ({ context: { metadata: file.meta } })`. */
  readonly upload?:
    | Omit<UploadOptions, 'signal' | 'onProgress' | 'onState' | 'filename'>
    | ((file: UppyFile<M, B>) => Omit<UploadOptions, 'signal' | 'onProgress' | 'onState' | 'filename'>);
}

/**
 * An uploader for Uppy. A file counts as uploaded only when the service has verified it; `response.body` is the
 * completed session. Removing a file cancels its session, leaving the page does not.
 */
export class Sluice<M extends Meta, B extends Body> extends BasePlugin<SluiceOptions<M, B>, M, B> {
  constructor(uppy: Uppy<M, B>, options: SluiceOptions<M, B>) {
    super(uppy, options);
    this.type = 'uploader';
    this.id = options.id ?? 'Sluice';
  }

  override install(): void {
    this.#resumable(true);
    this.uppy.addUploader(this.#uploadFiles);
  }

  override uninstall(): void {
    this.#resumable(false);
    this.uppy.removeUploader(this.#uploadFiles);
  }

  #resumable(resumableUploads: boolean): void {
    const { capabilities } = this.uppy.getState();
    this.uppy.setState({ capabilities: { ...capabilities, resumableUploads } });
  }

  #uploadFiles = async (fileIds: string[]): Promise<void> => {
    const files = this.uppy
      .getFilesByIds(fileIds)
      .filter((file) => !file.error && !file.progress.uploadComplete);
    this.uppy.emit('upload-start', files);
    await Promise.allSettled(files.map((file) => this.#uploadFile(file)));
  };

  async #uploadFile(file: UppyFile<M, B>): Promise<void> {
    if (file.isRemote || file.data === undefined) {
      this.uppy.emit('upload-error', file, new Error('Sluice uploads files of this device only.'));
      return;
    }
    const { client, upload: options } = this.opts;
    const upload = client.upload(file.data, {
      ...(typeof options === 'function' ? options(file) : options),
      filename: file.meta.name,
      onProgress: (_, snapshot) => this.#tellProgress(file.id, snapshot),
    });
    const events = followUppy(this.uppy, file.id, upload);
    try {
      this.#tellSuccess(file.id, await upload.done);
    } catch (error) {
      if (upload.snapshot().state !== 'cancelled') this.#tellError(file.id, toApiError(error));
    } finally {
      events.remove();
    }
  }

  #tellProgress(fileId: string, { bytesUploaded, bytesTotal }: UploadSnapshot): void {
    const file = this.uppy.getFile(fileId);
    if (!file) return;
    const uploadStarted = file.progress.uploadStarted ?? Date.now();
    this.uppy.emit('upload-progress', file, { uploadStarted, bytesUploaded, bytesTotal });
  }

  #tellSuccess(fileId: string, session: SessionStatus): void {
    // Uppy leaves the body's type to whoever uses it.
    const body = session as unknown as B;
    this.uppy.emit('upload-success', this.uppy.getFile(fileId), {
      status: 200,
      body,
      bytesUploaded: session.upload_offset,
    });
  }

  /** Uppy takes `details` for text: the code and the service's details go where the answer's body is expected. */
  #tellError(fileId: string, reason: SluiceApiError): void {
    const error = new Error(reason.message, { cause: reason });
    const body = { error_code: reason.code, details: reason.details } as unknown as B;
    this.uppy.emit('upload-error', this.uppy.getFile(fileId), error, { status: reason.status, body });
  }
}

/** Uppy's buttons, carried over to the upload. */
function followUppy<M extends Meta, B extends Body>(
  uppy: Uppy<M, B>,
  fileId: string,
  upload: Upload,
): EventManager<M, B> {
  const events = new EventManager(uppy);
  const cancel = () => void upload.cancel().catch((error) => uppy.log(error, 'warning'));
  events.onFileRemove(fileId, cancel);
  events.onCancelAll(fileId, cancel);
  events.onPause(fileId, (isPaused) => (isPaused ? upload.pause() : upload.resume()));
  events.onPauseAll(fileId, () => upload.pause());
  events.onResumeAll(fileId, () => upload.resume());
  return events;
}
