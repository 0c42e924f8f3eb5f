import { test } from 'node:test';
import { uploadSixtyFour } from '../memory/sixty-four-uploads.ts';

for (const name of ['SQLite and disk', 'Redis and S3'] as const) {
  test(`${name}: 64 uploads of 200 MB at once stay under 300 MB`, { timeout: 1_500_000 }, (t) =>
    uploadSixtyFour(t, name, 200_000_000),
  );
}
