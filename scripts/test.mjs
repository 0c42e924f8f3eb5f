// npm test: all tests, or those of the files and folders named; sets up what they need by itself.
import { runOnPinnedNode } from './lib/pinned-node.mjs';

runOnPinnedNode('scripts/lib/run-tests.ts', process.argv.slice(2));
