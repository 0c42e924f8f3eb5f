#!/usr/bin/env node
// The `sluice` command, on whatever Node the machine has: hands over to the pinned one.
import { runOnPinnedNode } from './lib/pinned-node.mjs';

runOnPinnedNode('src/cli.ts', process.argv.slice(2));
