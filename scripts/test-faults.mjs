// npm run test:faults: faults of everything the service stands on, closed by a table. SLUICE_FAULTS=long takes an hour.
import { runOnPinnedNode } from './lib/pinned-node.mjs';

runOnPinnedNode('scripts/lib/run-fault-tests.ts', process.argv.slice(2));
