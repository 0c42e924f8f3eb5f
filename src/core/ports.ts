/**
 * The ports. Every adapter passes the same contract suite (test/contracts). All of them throw
 * `SluiceError` (`REDIS_CONNECTION_ERROR`, `LEDGER_UNAVAILABLE`, `STORAGE_UNAVAILABLE`, `STORAGE_FULL`)
 * when what is behind them is away or does not answer within its deadline; expected refusals are values.
 */
export type * from './ports/accounts.ts';
export type * from './ports/blobs.ts';
export type * from './ports/concatenation.ts';
export type * from './ports/direct-blobs.ts';
export type * from './ports/directory.ts';
export type * from './ports/leases.ts';
export type * from './ports/ledger.ts';
export type * from './ports/live-feed.ts';
export type * from './ports/rate-limits.ts';
export type * from './ports/scanner.ts';
export type * from './ports/service.ts';
export type * from './ports/sessions.ts';
export type * from './ports/text-cipher.ts';
export type * from './ports/writer-signals.ts';
