import { type Browser, chromium } from 'playwright-core';
import { findProgram } from './program.ts';
import type { TestServer } from './server.ts';

/** The browser of the tests. No server: each test opens one of its own, with an empty profile. */
export const chromiumProgram: TestServer = {
  name: 'Chromium',
  async start() {
    findChromium();
    return { env: {}, stop: async () => {} };
  },
};

/** As root, in little shared memory, without a display, and asking nobody for anything. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A Chromium from the PATH or from Debian's packages; throws with what to install. Whoever calls this closes it. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: findChromium(), args: FLAGS });
}

function findChromium(): string {
  return findProgram({ name: 'chromium', debianPackage: 'chromium' });
}
