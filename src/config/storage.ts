import { join, resolve } from 'node:path';
import type { Profile } from './parse.ts';
import type { Settings } from './variables.ts';

/** Where files go. */
export type StoragePlace =
  | {
      readonly backend: 'disk';
      readonly uploadFolder: string;
      readonly tempFolder: string;
      readonly fsync: Settings['UPLOAD_FSYNC'];
    }
  | {
      readonly backend: 's3';
      readonly bucket: string;
      /** Null is AWS itself. */
      readonly endpoint: string | null;
      /** Address at which clients reach the bucket; null where it is the same. */
      readonly publicEndpoint: string | null;
      readonly forcePathStyle: boolean;
      readonly region: string;
      /** Null takes them from where the AWS SDK finds them: the role of the machine, a profile, … */
      readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | null;
      readonly memoryBudgetBytes: number;
    };

interface Given {
  readonly profile: Profile;
  readonly dataDir: string;
  readonly given: ReadonlySet<string>;
}

/**
 * One place has to be chosen. The production profile takes S3 unless it is told otherwise; the embedded one the
 * disk, unless a bucket is named. What is wrong is added to `faults`.
 */
export function readStorage(
  settings: Settings,
  { profile, dataDir, given }: Given,
  faults: string[],
): StoragePlace {
  const s3ByDefault = profile === 'production' || given.has('S3_BUCKET_NAME');
  const s3 = given.has('USE_S3') ? settings.USE_S3 : s3ByDefault;
  const local = given.has('USE_LOCAL_STORAGE') ? settings.USE_LOCAL_STORAGE : profile === 'embedded' && !s3;

  if (!s3 && !local) faults.push('USE_LOCAL_STORAGE: set it to true, or USE_S3: files need a place.');
  if (s3 && local && given.has('USE_S3')) {
    faults.push('USE_LOCAL_STORAGE: USE_S3 is on as well. Turn one of them off.');
  }
  if (s3 && !local) return readBucket(settings, faults);

  const folder = (name: 'LOCAL_UPLOAD_FOLDER' | 'LOCAL_TEMP_FOLDER', embedded: string) =>
    profile === 'embedded' && !given.has(name) ? join(dataDir, embedded) : resolve(settings[name]);
  return {
    backend: 'disk',
    uploadFolder: folder('LOCAL_UPLOAD_FOLDER', 'uploads'),
    tempFolder: folder('LOCAL_TEMP_FOLDER', 'temp_uploads'),
    fsync: settings.UPLOAD_FSYNC,
  };
}

function readBucket(settings: Settings, faults: string[]): StoragePlace {
  const { S3_BUCKET_NAME: bucket, S3_ENDPOINT: endpoint } = settings;
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = settings;
  if (bucket === undefined) {
    faults.push('S3_BUCKET_NAME: is not set. Name the bucket, or set USE_LOCAL_STORAGE=true.');
  } else if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    faults.push(`S3_BUCKET_NAME: ${JSON.stringify(bucket)} is no name of a bucket.`);
  }
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    faults.push('AWS_SECRET_ACCESS_KEY: set it together with AWS_ACCESS_KEY_ID, or neither.');
  }
  const known = accessKeyId !== undefined && secretAccessKey !== undefined;
  return {
    backend: 's3',
    bucket: bucket ?? '',
    endpoint: readEndpoint('S3_ENDPOINT', endpoint, faults),
    publicEndpoint: readEndpoint('S3_PUBLIC_ENDPOINT', settings.S3_PUBLIC_ENDPOINT, faults),
    forcePathStyle: settings.S3_FORCE_PATH_STYLE,
    region: settings.AWS_DEFAULT_REGION,
    credentials: known ? { accessKeyId, secretAccessKey } : null,
    memoryBudgetBytes: settings.S3_MEMORY_BUDGET,
  };
}

function readEndpoint(name: string, text: string | undefined, faults: string[]): string | null {
  if (text === undefined) return null;
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.search)
    return url.href.replace(/\/$/, '');
  faults.push(`${name}: its value is not an address like https://s3.example.org.`);
  return null;
}
