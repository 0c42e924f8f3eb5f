import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import files from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { pagePolicy } from '../security-headers.ts';

/** Where `npm run build` puts the page. */
const BUILT = fileURLToPath(new URL('../../../dashboard/dist', import.meta.url));

const YEAR_MS = 365 * 24 * 3600 * 1000;

/** Stands in index.html where the page looks for what the service takes. */
const LIMITS = '__SLUICE_LIMITS__';

export interface PageDeps {
  /** The page refuses by these before it asks; the service's own refusal still has the last word. */
  readonly limits: { readonly maxFileSize: number; readonly allowedFormats: readonly string[] | '*' };
  readonly publicUrl: string | null;
  /** Folder of the built page; default: that of this repository. */
  readonly folder?: string;
}

/**
 * The page at `/` and what it loads. Names under /assets carry a hash of what is in them, so they are kept for
 * a year; the page itself is asked for each time. Without a built page both addresses are not there.
 */
export async function pageRoutes(app: FastifyInstance, deps: PageDeps): Promise<void> {
  const folder = deps.folder ?? BUILT;
  const html = await readFile(join(folder, 'index.html'), 'utf8').catch(() => null);
  if (html === null) {
    app.log.warn('there is no page at /: "npm run build" makes it');
    return;
  }
  const { maxFileSize, allowedFormats } = deps.limits;
  const limits = JSON.stringify({ maxFileSize, allowedFormats });
  const page = html.replace(LIMITS, limits.replaceAll('&', '&amp;').replaceAll('"', '&quot;'));
  const policy = pagePolicy(deps.publicUrl);

  app.route({
    method: ['GET', 'HEAD'],
    url: '/',
    schema: { hide: true },
    handler: (_, reply) =>
      reply
        .headers({
          'content-security-policy': policy,
          'content-type': 'text/html; charset=utf-8',
          'cache-control': 'no-store',
        })
        .send(page),
  });
  await app.register(files, {
    root: join(folder, 'assets'),
    prefix: '/assets/',
    decorateReply: false,
    index: false,
    maxAge: YEAR_MS,
    immutable: true,
    schemaHide: true,
  });
}
