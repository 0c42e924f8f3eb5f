import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { type ServiceProcess, startServiceProcess } from '../../scripts/lib/service-process.ts';
import { inspect, startedBrowser } from './browser.ts';
import { choose, drop, FIVE_VIDEOS, fixture, limitSpeed, longVideo } from './videos.ts';

const browser = startedBrowser();
let service: ServiceProcess;
before(async () => {
  service = await startServiceProcess();
});
after(() => service?.stop());

/** Presses Tab until the element of that name has the focus, which has to be seen. */
async function tabTo(page: Page, name: string): Promise<void> {
  const wanted = page.getByRole('button', { name, exact: true }).first();
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press('Tab');
    const focused = page.locator(':focus');
    const outline = await focused.evaluate((element) => {
      const { getComputedStyle } = globalThis as unknown as {
        getComputedStyle(of: unknown): { outlineStyle: string };
      };
      return getComputedStyle(element).outlineStyle;
    });
    assert.notEqual(outline, 'none', 'what has the focus can be seen');
    if (await wanted.evaluate((element) => element.matches(':focus')).catch(() => false)) return;
  }
  throw new Error(`Tab does not reach "${name}"`);
}

test('everything is done with the keyboard alone', async (t) => {
  const page = await browser.open(t, service);
  await limitSpeed(page, 20_000);
  await tabTo(page, 'Choose videos');
  const opened = page.waitForEvent('filechooser');
  await page.keyboard.press('Enter');
  await (await opened).setFiles([longVideo('keys.mp4', 3_000_000)]);

  await tabTo(page, 'Upload 1 video');
  await page.keyboard.press('Enter');
  await page.locator('.upload[data-state="uploading"]').waitFor();
  await tabTo(page, 'Pause keys.mp4');
  await page.keyboard.press('Space');
  await page.locator('.upload[data-state="paused"]').waitFor();
  assert.deepEqual(await inspect(page, '20-keyboard'), []);

  // The button in the same place has the focus still, and is the next step now.
  await limitSpeed(page, 0);
  await page.keyboard.press('Space');
  await page.locator('.upload[data-state="done"]').waitFor();
  await tabTo(page, 'Remove keys.mp4');
  await page.keyboard.press('Enter');
  await page.locator('.upload').waitFor({ state: 'detached' });
});

for (const lang of ['en', 'ar']) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`at 320 pixels nothing is cut off: ${lang}, ${colorScheme}`, async (t) => {
      const page = await browser.open(t, service, {
        lang,
        colorScheme,
        viewport: { width: 320, height: 640 },
        reducedMotion: 'reduce',
      });
      await drop(page, [
        ...FIVE_VIDEOS.slice(0, 2),
        { ...fixture('sample.mp4'), name: `${'a-long-name-'.repeat(8)}.mp4` },
        fixture('page.html'),
      ]);
      await page.locator('.chosen').waitFor();
      assert.deepEqual(await inspect(page, `21-narrow-chosen-${lang}-${colorScheme}`), []);
      await page.locator('.chosen .button.primary').click();
      await page.locator('.upload[data-state="done"]').nth(2).waitFor();
      assert.deepEqual(await inspect(page, `22-narrow-done-${lang}-${colorScheme}`), []);
      const width = await page.locator('html').evaluate((html) => html.scrollWidth);
      assert.equal(width, 320, 'no scrolling sideways');
    });
  }
}

test('Arabic runs from right to left, in the dark too', async (t) => {
  const page = await browser.open(t, service, { lang: 'ar', colorScheme: 'dark' });
  await limitSpeed(page, 20_000);
  await drop(page, FIVE_VIDEOS.slice(0, 3));
  await page.locator('.chosen').waitFor();
  assert.deepEqual(await inspect(page, '23-arabic-chosen'), []);
  assert.equal(await page.locator('html').getAttribute('dir'), 'rtl');
  const quota = await page.locator('.quota').boundingBox();
  const target = await page.locator('.drop').boundingBox();
  assert.ok(quota && target && quota.x < target.x, 'the side is on the left');
  await page.locator('.chosen .button.primary').click();
  await page.locator('.upload').nth(2).waitFor();
  assert.deepEqual(await inspect(page, '24-arabic-uploading'), []);
});

test('a pasted token signs in, a bad one is refused in words', async (t) => {
  const page = await browser.open(t, service, { colorScheme: 'dark' });
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Access token').fill('not.a.token');
  await page.getByLabel('Access token').press('Enter');
  await page.getByText('The service did not take this token.').waitFor();
  assert.deepEqual(await inspect(page, '25-sign-in'), []);
  await page.getByLabel('Access token').fill(service.token({ user: '11111111-1111-4111-8111-111111111111' }));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('.quota').waitFor();
  await choose(page, 'Choose videos', [fixture('sample.webm')]);
  await page.getByRole('button', { name: 'Upload 1 video' }).click();
  await page.locator('.upload[data-state="done"]').waitFor();
  assert.deepEqual(await inspect(page, '26-dark-done'), []);
});
