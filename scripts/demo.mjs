// npm run demo: one upload that is cut in the middle and resumed, for people to watch.
import { runOnPinnedNode } from './lib/pinned-node.mjs';

runOnPinnedNode('scripts/demo/main.ts', process.argv.slice(2));
