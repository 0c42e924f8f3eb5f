// npm run test:long: the tests that take minutes, with the set-up of npm test.
import { runOnPinnedNode } from './lib/pinned-node.mjs';

const args = process.argv.slice(2);
const named = args.some((arg) => !arg.startsWith('--'));
runOnPinnedNode('scripts/lib/run-tests.ts', named ? args : ['test/long', ...args]);
