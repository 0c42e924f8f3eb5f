/** `@sluice/client` for browsers. */
import { type ClientOptions, createClientOn, type SluiceClient } from './client.ts';
import { createBrowserPlatform } from './platform/browser.ts';

export * from './exports.ts';

export function createClient(options: ClientOptions): SluiceClient {
  return createClientOn(createBrowserPlatform(), options);
}
