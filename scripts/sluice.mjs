#!/usr/bin/env node
// The `sluice` command, on whatever Node the machine has: hands over to the pinned one.
import { runOnPinnedNode } from './lib/pinned-node.mjs';
import { SERVICE_FLAGS } from './lib/service-flags.mjs';

runOnPinnedNode('src/cli.mjs', process.argv.slice(2), SERVICE_FLAGS);
