/**
 * Where every start begins: `node src/cli.mjs <command>`. JavaScript on purpose, and nothing but this: a first file
 * that is TypeScript, or that loads one before what is compiled can be kept, makes Node load its type stripper in every
 * start. That is a WebAssembly program of its own, which takes 17 MB of memory for as long as the process lives.
 */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Where the folder cannot be written, types are stripped anew. Threads and workers take the variable over.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url));
enableCompileCache(process.env.NODE_COMPILE_CACHE);

const { main } = await import('./cli.ts');
process.exitCode = await main(process.argv.slice(2));
