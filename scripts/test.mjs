// npm test: all tests, or those of the files and folders named; sets up what they need by itself.
import { buildPage } from './lib/build-page.mjs';
import { runOnPinnedNode } from './lib/pinned-node.mjs';

runOnPinnedNode('scripts/lib/run-tests.ts', process.argv.slice(2), [], buildPage);
