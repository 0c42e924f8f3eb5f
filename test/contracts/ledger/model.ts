import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Ledger } from '../../../src/core/ports.ts';
import { type LedgerHarness, newSession, newUser, settlementOf } from './harness.ts';
import type { LedgerPromise } from './suite.ts';

const USERS = 2;
const SESSIONS = 6;

type Step =
  | {
      readonly kind: 'settle' | 'void';
      readonly user: number;
      readonly session: number;
      readonly bytes: number;
    }
  | { readonly kind: 'limit'; readonly user: number; readonly bytes: number }
  | { readonly kind: 'reset' | 'read'; readonly user: number }
  | { readonly kind: 'wait'; readonly share: number }
  | { readonly kind: 'restart' };

const user = fc.integer({ min: 0, max: USERS - 1 });
const session = fc.integer({ min: 0, max: SESSIONS - 1 });
const bytes = fc.integer({ min: 0, max: 1_000_000 });
/** Parts of a period that never add up to whole ones: no history stands on a boundary to the millisecond. */
const share = fc.constantFrom(0.3001, 0.9003, 2.4007);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('settle' as const), user, session, bytes }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('void' as const), user, session, bytes }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('limit' as const), user, bytes }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset' as const), user }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('read' as const), user }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), share }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
);

/** What a ledger should know: the decisions per session, and the period that each user is in. */
interface Model {
  readonly userId: string;
  readonly sessions: readonly string[];
  readonly decided: Map<string, { bytes: number; period: number } | 'voided'>;
  limit: number;
  /** Rises by one with each new period; `endsAt` is its end on the model's own clock. */
  period: number;
  endsAt: number;
}

/** Invariant C: used = Σ settlements of the period, whatever happens in whatever order. */
export function ledgerModelTest(promise: LedgerPromise): void {
  promise('after any history, what is used is the sum of what was settled in the period', async (harness) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => run(harness, steps)),
      { numRuns: 40 },
    );
  });
}

async function run(harness: LedgerHarness, steps: readonly Step[]): Promise<void> {
  let ledger: Ledger = await harness.connect();
  let now = 0;
  const models: Model[] = [];
  for (let n = 0; n < USERS; n += 1) {
    const userId = newUser();
    const { account } = await ledger.account(userId, []);
    models.push({
      userId,
      sessions: Array.from({ length: SESSIONS }, newSession),
      decided: new Map(),
      limit: account.limitBytes,
      period: 0,
      endsAt: harness.periodMs,
    });
  }

  for (const one of steps) {
    if (one.kind === 'restart') {
      await harness.disconnect();
      ledger = await harness.connect();
    } else if (one.kind === 'wait') {
      const ms = Math.round(harness.periodMs * one.share);
      await harness.advance(ms);
      now += ms;
      for (const model of models) roll(model, now, harness.periodMs);
    } else {
      const model = models[one.user];
      assert.ok(model);
      await apply(ledger, model, one, now + harness.periodMs);
    }
    for (const model of models) await compare(ledger, model);
  }
}

function roll(model: Model, now: number, periodMs: number): void {
  while (model.endsAt <= now) {
    model.period += 1;
    model.endsAt += periodMs;
  }
}

async function apply(
  ledger: Ledger,
  model: Model,
  one: Exclude<Step, { kind: 'wait' | 'restart' }>,
  endOfNew: number,
): Promise<void> {
  if (one.kind === 'limit') {
    model.limit = one.bytes;
    await ledger.setLimit(model.userId, one.bytes);
  } else if (one.kind === 'reset') {
    model.period += 1;
    model.endsAt = endOfNew;
    await ledger.resetPeriod(model.userId);
  } else if (one.kind === 'settle' || one.kind === 'void') {
    const id = model.sessions[one.session];
    assert.ok(id);
    const answer =
      one.kind === 'settle'
        ? await ledger.settle(settlementOf(id, model.userId, one.bytes))
        : await ledger.voidSession(id, model.userId);
    const known = model.decided.get(id);
    const expected = known ?? (one.kind === 'void' ? 'voided' : { bytes: one.bytes, period: model.period });
    model.decided.set(id, expected);
    assert.equal(answer.kind, expected === 'voided' ? 'voided' : 'settled');
    if (answer.kind === 'settled' && expected !== 'voided')
      assert.equal(answer.completion.bytes, expected.bytes);
  }
}

async function compare(ledger: Ledger, model: Model): Promise<void> {
  const { account, settled } = await ledger.account(model.userId, model.sessions);
  const expected = [...model.decided].flatMap(([sessionId, verdict]) =>
    verdict !== 'voided' && verdict.period === model.period ? [{ sessionId, bytes: verdict.bytes }] : [],
  );
  const bySession = (a: { sessionId: string }, b: { sessionId: string }) =>
    a.sessionId < b.sessionId ? -1 : 1;
  assert.deepEqual([...settled].sort(bySession), expected.sort(bySession));
  assert.equal(
    account.usedBytes,
    expected.reduce((sum, one) => sum + one.bytes, 0),
  );
  assert.equal(account.limitBytes, model.limit);
}
