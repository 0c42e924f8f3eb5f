import { setImmediate as nextTurn } from 'node:timers/promises';
import { gatherCalls } from '../core/gather.ts';
import { type Background, createBackground } from '../core/give-way.ts';
import type { Outbox, OutboxEvent } from '../core/outbox.ts';
import type { Deliver, DeliveryResult } from './delivery.ts';
import { pauseAfter } from './retry-schedule.ts';

/** Deliveries under way at once: a receiver that hangs holds up no more than these. */
const WIDTH = 16;
/** While this share of them is under way, no others are asked for: one query for several events. */
const ENOUGH = 0.75;
/** Events that are written down as delivered by one statement. */
const MARKED_AT_ONCE = 256;
/** How often the outbox is looked at while it is empty. */
const POLL_MS = 500;
/** Well above what one delivery may take, so that nobody else takes it for lost. */
const LEASE_MS = 20_000;
/** Running deliveries get this long to end when the service stops. */
const GRACE_MS = 5_000;
const PRUNE_EVERY_MS = 3_600_000;
const PRUNE_BATCH = 1_000;

export interface OutboxRunnerOptions {
  readonly outbox: Outbox;
  readonly deliver: Deliver;
  readonly log: Log;
  /** Delivered events are kept this long, for replays; at least as long as a quota period. */
  readonly retentionMs: number;
  /** What else is done while nobody waits; left out: nothing. */
  readonly background?: Background;
  /** So many are claimed, and delivered together before the next ones. Left out: each for itself. */
  readonly together?: number;
  readonly pollMs?: number;
  readonly leaseMs?: number;
  readonly graceMs?: number;
  /** From 0 to 1, for the jitter of retries. */
  readonly random?: () => number;
}

export interface Log {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export interface OutboxRunner {
  /** Begins no more deliveries; lets those under way end, then breaks them off. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Delivers what stands in the outbox until it is stopped. Several may run on one outbox, in one process or in
 * many: leases keep them out of each other's way, and what one leaves behind another takes up.
 */
export function startOutboxRunner(options: OutboxRunnerOptions): OutboxRunner {
  const { outbox, deliver, log, retentionMs, random = Math.random } = options;
  const {
    background = createBackground(),
    together,
    pollMs = POLL_MS,
    leaseMs = LEASE_MS,
    graceMs = GRACE_MS,
  } = options;
  const width = together ?? WIDTH;
  const underWay = new Set<Promise<void>>();
  const breakingOff = new AbortController();
  const outage = createOutage(log);
  let stopping = false;
  let wake = () => {};
  const markDelivered = gatherCalls<string>(MARKED_AT_ONCE, (ids) => outbox.delivered(...ids));
  let nextPrune = performance.now() + Math.random() * PRUNE_EVERY_MS;

  async function run(): Promise<void> {
    while (!stopping) {
      const isMore = await background.run(begin);
      if (isMore) await background.rest(breakingOff.signal);
      else await untilSomethingChanges(pollMs);
      while (underWay.size > ENOUGH * width && !stopping) await untilSomethingChanges(pollMs);
      await pruneSometimes();
    }
  }

  /** Gives whether there may be more. */
  async function begin(): Promise<boolean> {
    const room = width - underWay.size;
    const events = await outage.watch(() => outbox.claim(room, leaseMs), []);
    for (const event of events) launch(event);
    if (together !== undefined) await Promise.all(underWay);
    return events.length === room;
  }

  function launch(event: OutboxEvent): void {
    const delivery: Promise<void> = settle(event).finally(() => {
      underWay.delete(delivery);
      wake();
    });
    underWay.add(delivery);
  }

  async function settle(event: OutboxEvent): Promise<void> {
    const result = await attempt(event);
    // Where this is not written down, the lease ends and the event is delivered once more.
    await outage.watch(() => writeDown(event, result), undefined);
  }

  async function attempt(event: OutboxEvent): Promise<DeliveryResult> {
    try {
      return await deliver(event, breakingOff.signal);
    } catch (error) {
      log.warn({ err: error, event: event.id }, 'an event could not be delivered');
      return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
    }
  }

  async function writeDown(event: OutboxEvent, result: DeliveryResult): Promise<void> {
    if (result.kind === 'delivered') return markDelivered(event.id);
    const pause = pauseAfter(event.attempts, random(), result.retryAfterMs);
    await outbox.failed(event, result.reason, pause);
    const details = { event: event.id, attempts: event.attempts, reason: result.reason };
    if (pause === null) log.warn(details, 'an event is given up; "sluice events replay" delivers it again');
    else if (event.attempts === 1) log.info(details, 'an event is not delivered yet; it is tried again');
  }

  async function pruneSometimes(): Promise<void> {
    if (performance.now() < nextPrune) return;
    const pruned = await outage.watch(() => outbox.prune(retentionMs, PRUNE_BATCH), 0);
    if (pruned < PRUNE_BATCH) nextPrune = performance.now() + PRUNE_EVERY_MS;
  }

  /** Deliveries end, some time passes, or all is to end. */
  async function untilSomethingChanges(ms: number): Promise<void> {
    if (stopping) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    wake = resolve;
    await promise;
    clearTimeout(timer);
    // Those that were delivered together all end in this turn.
    await nextTurn();
  }

  const running = run();
  let stopped: Promise<void> | null = null;
  return {
    stop() {
      stopped ??= (async () => {
        stopping = true;
        wake();
        const impatient = setTimeout(() => breakingOff.abort(), graceMs);
        await running;
        await Promise.all(underWay);
        clearTimeout(impatient);
      })();
      return stopped;
    },
  };
}

/** A ledger that is away is told of once, not with every look at it. */
function createOutage(log: Log) {
  let away = false;
  return {
    async watch<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
      try {
        const result = await work();
        away = false;
        return result;
      } catch (error) {
        if (!away) log.warn({ err: error }, 'the outbox cannot be reached; it is tried again');
        away = true;
        return otherwise;
      }
    },
  };
}
