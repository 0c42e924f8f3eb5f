// npm run test:long: the tests that take minutes, with the set-up of npm test. They move some 30 GB: six minutes on
// a machine with nothing else to do, many more on a busy one.
import { runOnPinnedNode } from './lib/pinned-node.mjs';

const args = process.argv.slice(2);
const named = args.some((arg) => !arg.startsWith('--'));
runOnPinnedNode('scripts/lib/run-tests.ts', ['--minutes=45', ...(named ? [] : ['test/long']), ...args]);
