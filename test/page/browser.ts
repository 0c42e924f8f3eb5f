import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { launchChromium } from '../../scripts/lib/servers/chromium.ts';
import type { ServiceProcess } from '../../scripts/lib/service-process.ts';

/** Where the pictures of every state go; those nobody has asked for do not stay. */
const kept = process.env.SLUICE_SCREENSHOTS;
const pictures = kept ?? mkdtempSync(join(tmpdir(), 'sluice-pictures-'));
if (kept === undefined) process.once('exit', () => rmSync(pictures, { recursive: true, force: true }));

const AXE = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

/** Longest wait for anything on the page, in milliseconds. The machine may be busy. */
const PATIENCE_MS = 60_000;

export interface OpenOptions extends BrowserContextOptions {
  readonly user?: string;
  readonly lang?: string;
}

export interface TestBrowser {
  /** A window of its own, signed in by the fragment, at a working page. */
  open(t: TestContext, service: ServiceProcess, options?: OpenOptions): Promise<Page>;
}

/** Chromium for the tests of one file. */
export function startedBrowser(): TestBrowser {
  let browser: Browser | undefined;
  before(async () => {
    browser = await launchChromium();
  });
  after(() => browser?.close());

  return {
    async open(t, service, { user = randomUUID(), lang = 'en', ...options } = {}) {
      if (!browser) throw new Error('the browser runs within tests only');
      const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
      t.after(() => context.close());
      context.setDefaultTimeout(PATIENCE_MS);
      const page = await context.newPage();
      // The first listener's subscription takes effect some time later: a dialog before that would go unheard.
      page.on('filechooser', () => {});
      watchPolicy(t, page);
      await page.goto(`${service.url}/?lang=${lang}#token=${service.token({ user })}`);
      await page.locator('.quota').waitFor();
      return page;
    },
  };
}

/** The page's policy is not to be broken, nor anything to be thrown, in any test. */
function watchPolicy(t: TestContext, page: Page): void {
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) faults.push(message.text());
  });
  t.after(() => {
    if (faults.length > 0) throw new Error(faults.join('\n'));
  });
}

/** Save how the page looks, and hold it against WCAG 2.2 AA. Gives the violations found, none hopefully. */
export async function inspect(page: Page, name: string): Promise<string[]> {
  mkdirSync(pictures, { recursive: true });
  // Halfway through a transition, colours have contrasts that nobody reads by.
  await page.evaluate(`Promise.allSettled(document.getAnimations().map((animation) => animation.finished))`);
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  return violations(page);
}

/** axe runs from the test's side: the page's own policy lets no other script in. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
    const { violations: found } = await axe.run({
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
  });
}
