import { mkdtempSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { CDPSession, Page } from 'playwright-core';
import { until } from '../e2e/until.ts';

export interface NamedBytes {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

export const FIVE_VIDEOS = ['mp4', 'mov', 'mkv', 'webm', 'avi'].map((ending) => fixture(`sample.${ending}`));

export function fixture(name: string): NamedBytes {
  const path = fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
  return { name, mimeType: '', buffer: readFileSync(path) };
}

/** A real video followed by as many zeros as it takes: the service looks at the beginning. */
export function longVideo(name: string, bytes: number): NamedBytes {
  const buffer = Buffer.alloc(bytes);
  fixture('sample.mp4').buffer.copy(buffer);
  return { name, mimeType: 'video/mp4', buffer };
}

/** Lets the files go over the page, as from another window. */
export function drop(page: Page, files: readonly NamedBytes[]): Promise<void> {
  return handOver(page, 'drop', files);
}

/** The event with which a page is given files that it did not ask for. */
export async function handOver(
  page: Page,
  how: 'drop' | 'paste',
  files: readonly NamedBytes[],
): Promise<void> {
  const texts = files.map(({ name, buffer }) => ({ name, text: buffer.toString('base64') }));
  const data = await page.evaluateHandle((all) => {
    // Node's types know no DataTransfer: this runs in the browser.
    const { DataTransfer } = globalThis as unknown as {
      DataTransfer: new () => { items: { add(file: File): void } };
    };
    const transfer = new DataTransfer();
    for (const { name, text } of all) {
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      transfer.items.add(new File([bytes], name));
    }
    return transfer;
  }, texts);
  if (how === 'drop') {
    await page.dispatchEvent('body', 'dragover', { dataTransfer: data });
    await page.dispatchEvent('body', 'drop', { dataTransfer: data });
  } else {
    await page.locator('body').evaluate((body, clipboardData) => {
      const { ClipboardEvent } = globalThis as unknown as {
        ClipboardEvent: new (type: string, init: object) => Event;
      };
      body.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
    }, data);
  }
  await data.dispose();
}

const folder = mkdtempSync(join(tmpdir(), 'sluice-videos-'));
after(() => rm(folder, { recursive: true, force: true }));

/** Chooses files by the button of that name. From the disk: bytes would have to go to the browser one by one. */
export async function choose(page: Page, button: string, files: readonly NamedBytes[]): Promise<void> {
  const paths = await Promise.all(
    files.map(async ({ name, buffer }) => {
      const path = join(await mkdtemp(join(folder, 'chosen-')), name);
      await writeFile(path, buffer);
      return path;
    }),
  );
  const opened = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: button }).first().click();
  const chooser = await opened;
  await chooser.setFiles(paths);
}

const lines = new WeakMap<Page, Promise<CDPSession>>();

/** Bytes per second that the page may send; 0 for no limit. */
export async function limitSpeed(page: Page, bytesPerSecond: number | 'offline'): Promise<void> {
  // One line per page: conditions that another one had set would stay.
  const line = lines.get(page) ?? page.context().newCDPSession(page);
  lines.set(page, line);
  const session = await line;
  await session.send('Network.enable');
  await session.send('Network.emulateNetworkConditions', {
    offline: bytesPerSecond === 'offline',
    latency: 0,
    downloadThroughput: -1,
    // A limit that is lifted would let everything out in the moment before the line is cut.
    uploadThroughput: bytesPerSecond === 'offline' ? 1000 : bytesPerSecond || -1,
  });
}

/** Resolves when so much of an upload has gone. What comes next should have many times as long until all has. */
export async function underWay(page: Page, percent = 5): Promise<void> {
  const facts = page.locator('.upload[data-state="uploading"] .facts span');
  const share = facts.filter({ hasText: /^\d+%$/ }).first();
  await until(`${percent} % have gone`, async () => {
    return Number.parseInt((await share.textContent()) ?? '', 10) >= percent;
  });
}
