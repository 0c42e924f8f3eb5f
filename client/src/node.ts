/** `@sluice/client` for Node. */
import { type ClientOptions, createClientOn, type SluiceClient } from './client.ts';
import { nodePlatform } from './platform/node.ts';

export * from './exports.ts';
export { openFile } from './platform/node.ts';

export function createClient(options: ClientOptions): SluiceClient {
  return createClientOn(nodePlatform, options);
}
