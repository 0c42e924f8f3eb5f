import { test } from 'node:test';
import { uploadSixtyFour } from './sixty-four-uploads.ts';

for (const name of ['SQLite and disk', 'Redis and S3'] as const) {
  test(`${name}: 64 uploads of 4 MB at once stay under 300 MB`, (t) => uploadSixtyFour(t, name, 4_000_000));
}
