import { pino } from 'pino';
import type { Config } from '../config.ts';
import { SluiceError } from '../core/errors.ts';
import type { Uploads } from '../core/uploads.ts';
import { openStores } from '../main/open-stores.ts';
import { composeUploads } from '../main.ts';
import { EXIT, failure } from './command.ts';

/** Runs `work` on the configured stores, beside a running service or without one, and closes them. */
export async function withUploads<T>(config: Config, work: (uploads: Uploads) => Promise<T>): Promise<T> {
  const log = pino({ level: 'silent' });
  const stores = await openStores(config, log);
  try {
    return await work(composeUploads(config, stores, log));
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    throw failure(EXIT.unavailable, `${error.message} "sluice doctor" says what is wrong.`);
  } finally {
    await stores.close();
  }
}
