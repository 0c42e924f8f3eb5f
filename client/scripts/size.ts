/** Size of each entry as a browser loads it, without what it depends on. Fails over its limit. */
import { brotliCompressSync } from 'node:zlib';
import { build } from 'esbuild';

/** Bytes after minification and brotli. */
const LIMITS: Readonly<Record<string, number>> = {
  'dist/browser.js': 12_000,
  'dist/react/index.js': 2_000,
  'dist/uppy/index.js': 2_000,
};

for (const [entry, limit] of Object.entries(LIMITS)) {
  const bytes = await sizeOf(entry);
  console.log(`${entry}: ${bytes} of ${limit} bytes`);
  if (bytes > limit) process.exitCode = 1;
}

async function sizeOf(entry: string): Promise<number> {
  const { outputFiles } = await build({
    entryPoints: [new URL(`../${entry}`, import.meta.url).pathname],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    packages: 'external',
    write: false,
  });
  return outputFiles.reduce((sum, file) => sum + brotliCompressSync(file.contents).length, 0);
}
