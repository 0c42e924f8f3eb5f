// npm start: the embedded profile on this machine, from a fresh clone on.
import { buildPage } from './lib/build-page.mjs';
import { runOnPinnedNode } from './lib/pinned-node.mjs';
import { SERVICE_FLAGS } from './lib/service-flags.mjs';

runOnPinnedNode('src/cli.mjs', ['serve', '--embedded', ...process.argv.slice(2)], SERVICE_FLAGS, buildPage);
