import { findProgram } from './program.ts';
import type { TestServer } from './server.ts';

/** The browser of the tests. No server: each test opens one of its own, with an empty profile. */
export const chromium: TestServer = {
  name: 'Chromium',
  async start() {
    const program = findProgram({ name: 'chromium', debianPackage: 'chromium' });
    return { env: { SLUICE_TEST_CHROMIUM: program }, stop: async () => {} };
  },
};
