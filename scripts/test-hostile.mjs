// npm run test:hostile: everything that strangers try on the running service. npm test has the same, with a smaller flood.
import { runOnPinnedNode } from './lib/pinned-node.mjs';

process.env.SLUICE_TEST_FLOOD ??= '100000';
const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
// What is tried on webhooks stands with them.
const webhooks = ['test/events/webhook.test.ts', 'test/events/service.test.ts'];
const folders = named.length > 0 ? [] : ['test/hostile', 'test/scanning', ...webhooks];
runOnPinnedNode('scripts/lib/run-tests.ts', [...folders, ...process.argv.slice(2)]);
