// npm run bench: the service beside its peers, on this machine; see docs/performance.md.
import { runOnPinnedNode } from './lib/pinned-node.mjs';

runOnPinnedNode('bench/run.ts', process.argv.slice(2));
