import type { Service } from '../api/service.ts';
import type { SessionStatus } from '../api/types.ts';
import { SluiceApiError } from '../errors.ts';
import { type BatchPlan, planBatch } from './batch-plan.ts';
import { checkedFiles } from './check-files.ts';
import type { UploadOptions } from './options.ts';
import type { Upload } from './upload.ts';

export interface BatchOptions extends Omit<UploadOptions, 'filename' | 'resume'> {
  /** `never` begins all files anew. Default `auto`. */
  readonly resume?: 'auto' | 'never';
  /** Where the batch does not fit: upload those files that do, instead of throwing. Default false. */
  readonly onlyFitting?: boolean;
}

/** Files that are on their way together. */
export interface Batch {
  readonly plan: BatchPlan;
  readonly uploads: readonly Upload[];
  /** Settles when all have ended, in the order of `uploads`. */
  readonly done: Promise<PromiseSettledResult<SessionStatus>[]>;
}

export function createBatches(service: Service, upload: (file: File, options: UploadOptions) => Upload) {
  async function plan(
    files: Iterable<File>,
    { resume, signal }: Pick<BatchOptions, 'resume' | 'signal'> = {},
  ): Promise<BatchPlan> {
    const list = checkedFiles(files);
    const [quota, sessions] = await Promise.all([
      service.quota(signal),
      resume === 'never' ? [] : service.sessions(signal),
    ]);
    return planBatch(list, quota, sessions);
  }

  async function uploadAll(files: Iterable<File>, options: BatchOptions = {}): Promise<Batch> {
    const { onlyFitting = false, context, ...rest } = options;
    const batchPlan = await plan(files, options);
    if (!batchPlan.fits && !onlyFitting) throw doesNotFit(batchPlan);
    const uploads = batchPlan.files
      .filter((planned) => planned.verdict !== 'does_not_fit')
      .map(({ file }) => upload(file, { ...rest, context: { workflow_type: 'batch_upload', ...context } }));
    return { plan: batchPlan, uploads, done: Promise.allSettled(uploads.map((one) => one.done)) };
  }

  return { plan, uploadAll };
}

function doesNotFit(plan: BatchPlan): SluiceApiError {
  const count = plan.files.filter((planned) => planned.verdict !== 'does_not_fit').length;
  return new SluiceApiError(
    'QUOTA_EXCEEDED',
    `These files do not fit into your quota: only ${count} of ${plan.files.length} would. Choose fewer, or wait for the reset.`,
    { details: { ...plan.quota, required: plan.requiredBytes, plan } },
  );
}
