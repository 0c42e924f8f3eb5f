/**
 * Writes src/api/types.ts from the service's openapi.json: those bodies that the client reads or sends. With
 * --check nothing is written, and the exit code is 1 where the file is stale.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { typesFromOpenApi } from './lib/openapi-types.ts';

const document = JSON.parse(readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8'));
const target = new URL('../src/api/types.ts', import.meta.url);
const text = typesFromOpenApi(document);

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error(
      'client/src/api/types.ts is stale. Run "npm run generate -w client" and commit what it writes.',
    );
    process.exitCode = 1;
  }
} else {
  writeFileSync(target, text);
}
