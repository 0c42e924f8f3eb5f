import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { Upload, type UploadOptions } from 'tus-js-client';
import { findProgram } from '../../scripts/lib/servers/program.ts';
import type { Trial } from './trial.ts';

/** Milliseconds between attempts: one after each fault, so the client's own are too few and too long for a test. */
const RETRY_DELAYS = Array.from({ length: 40 }, () => 50);
const STARTS_AGAIN = 20;

/**
 * tus-js-client with its defaults, but for what a client must be told. Gives the URL of the upload.
 *
 * It does not retry the creation of a final upload (4.3.1: the error of that request does not name the request,
 * which is its condition for retrying). What it says then, an application has to: start again.
 */
export function tusJsClient(
  trial: Pick<Trial, 'endpoint' | 'authorization'>,
  source: Buffer | Readable,
  options: UploadOptions & { readonly protocol?: string } = {},
): Promise<string> {
  let left = STARTS_AGAIN;
  return new Promise((resolve, reject) => {
    const upload = new Upload(source as Buffer, {
      endpoint: trial.endpoint,
      headers: { Authorization: trial.authorization },
      metadata: { filename: 'holiday.mp4', filetype: 'video/mp4' },
      retryDelays: RETRY_DELAYS,
      onError(error) {
        left -= 1;
        if ('originalRequest' in error || left < 0) reject(error);
        else upload.start();
      },
      onSuccess: () => resolve(upload.url ?? ''),
      ...options,
    });
    upload.start();
  });
}

/** A stream of the file that can be read once, as from a camera. */
export function streamOf(file: Buffer): Readable {
  return Readable.from(
    (function* () {
      for (let at = 0; at < file.length; at += 100_000) yield file.subarray(at, at + 100_000);
    })(),
    { objectMode: false },
  );
}

/** `curl -T`: no resumption; it sends the whole file again until it is through. */
export async function curlUpload(url: string, file: Buffer): Promise<void> {
  const curl = findProgram({ name: 'curl', debianPackage: 'curl' });
  const folder = await mkdtemp(join(tmpdir(), 'sluice-curl-'));
  try {
    const path = join(folder, 'holiday.mp4');
    await writeFile(path, file);
    const retry = ['--retry', '60', '--retry-all-errors', '--retry-delay', '1', '--retry-max-time', '300'];
    const quiet = ['--silent', '--show-error', '--fail', '--output', join(folder, 'answer')];
    await promisify(execFile)(curl, [...quiet, ...retry, '-T', path, url], { cwd: folder });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
