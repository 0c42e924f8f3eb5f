import { test } from 'node:test';
import fc from 'fast-check';
import { type MakeHarness, newUser } from './harness.ts';
import { createLedgerModel, PERIOD_MS } from './ledger-model.ts';
import { checkInvariants, type Model, type ModelSession, type ModelUser, type Real } from './model.ts';
import * as steps from './model-steps.ts';

const USERS = 3;
const LIMIT = 1000;
const RUNS = 60;
const COMMANDS = 80;

type Command = fc.AsyncCommand<Model, Real>;

/** A step, followed by a look at the invariants. */
function command(name: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return {
    check: () => true,
    async run(model, real) {
      await run(model, real);
      await checkInvariants(model, real);
    },
    toString: () => name,
  };
}

type UserStep = (model: Model, real: Real, user: ModelUser) => Promise<void>;
type SessionStep = (model: Model, real: Real, session: ModelSession) => Promise<void>;

const userIndex = fc.nat(USERS - 1);
/** Counted from the newest session, so that most steps meet the ones that are alive. */
const sessionIndex = fc.nat(9);

function onUser<T>(
  name: string,
  detail: fc.Arbitrary<T>,
  step: (detail: T) => UserStep,
): fc.Arbitrary<Command> {
  return fc.tuple(userIndex, detail).map(([index, given]) =>
    command(`${name}(user ${index}, ${fc.stringify(given)})`, async (model, real) => {
      const user = model.users[index];
      if (user) await step(given)(model, real, user);
    }),
  );
}

function onSession<T>(
  name: string,
  detail: fc.Arbitrary<T>,
  step: (detail: T) => SessionStep,
): fc.Arbitrary<Command> {
  return fc.tuple(sessionIndex, detail).map(([index, given]) =>
    command(`${name}(session −${index}, ${fc.stringify(given)})`, async (model, real) => {
      const session = model.sessions.at(-1 - index);
      if (session && (await real.harness.now()) < session.goneAfter) await step(given)(model, real, session);
    }),
  );
}

const nothing = fc.constant(null);
const commands = [
  onUser(
    'initiate',
    fc.option(fc.integer({ min: 1, max: 600 })),
    (bytes) =>
      (...all) =>
        steps.initiate(...all, bytes),
  ),
  onUser(
    'initiate',
    fc.integer({ min: 1, max: 300 }),
    (bytes) =>
      (...all) =>
        steps.initiate(...all, bytes),
  ),
  onUser('read ledger', nothing, () => steps.readLedger),
  onUser('load', nothing, () => steps.load),
  onUser(
    'set limit',
    fc.constantFrom(0, 100, 700, LIMIT, 3000),
    (limit) =>
      async (_, { harness, ledger }, user) => {
        ledger.setLimit(user.userId, limit, await harness.now());
      },
  ),
  onUser('reset period', nothing, () => async (_, { harness, ledger }, user) => {
    ledger.resetPeriod(user.userId, await harness.now());
  }),
  onSession('take', nothing, () => steps.take),
  onSession('look', nothing, () => steps.look),
  onSession(
    'commit',
    fc.record({
      grow: fc.nat(200),
      reserve: fc.option(fc.nat(900)),
      seal: fc.boolean(),
      late: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
    }),
    (change) =>
      (...all) =>
        steps.commit(...all, change),
  ),
  onSession('settle', nothing, () => steps.settle),
  onSession('finish', nothing, () => steps.finish),
  onSession('settle and finish', nothing, () => async (...all) => {
    await steps.settle(...all);
    await steps.finish(...all);
  }),
  onSession('void', nothing, () => steps.voidInLedger),
  onSession(
    'end',
    fc.record({
      status: fc.constantFrom('cancelled', 'failed', 'cancelled'),
      holdMs: fc.constantFrom(0, 0, 900_000),
    }),
    ({ status, holdMs }) =>
      (...all) =>
        steps.end(...all, status, holdMs),
  ),
  fc.boolean().map((crash) => command(`sweep(crash ${crash})`, (...all) => steps.sweep(...all, crash))),
  // Whole minutes: no moment that matters comes so close to another that the real clock could mix them up.
  fc
    .constantFrom(60_000, 300_000, 600_000, 900_000, PERIOD_MS)
    .map((ms) => command(`advance(${ms})`, (_, { harness }) => harness.advance(ms))),
];

/**
 * Random interleavings of everything that can happen to the sessions of a few users, judged by invariants A, C
 * and F after every step and by a model that is exact about who is admitted, fenced, refused and listed.
 * A failure prints its seed and the shortest list of commands that was found.
 */
export function modelContract(name: string, makeHarness: MakeHarness): void {
  test(`${name}: whatever happens in whatever order, the invariants hold`, async () => {
    const history = fc.commands(commands, { maxCommands: COMMANDS, size: '+1' });
    const property = fc.asyncProperty(history, async (cmds) => {
      const harness = await makeHarness();
      try {
        const real: Real = { harness, ledger: createLedgerModel(LIMIT) };
        const model: Model = {
          users: Array.from({ length: USERS }, makeUser),
          sessions: [],
          taken: new Map(),
        };
        await fc.asyncModelRun(() => ({ model, real }), cmds);
        await steps.endOfAll(model, real);
      } finally {
        await harness.close();
      }
    });
    await fc.assert(property, { numRuns: RUNS, interruptAfterTimeLimit: 60_000 });
  });
}

function makeUser(): ModelUser {
  return { userId: newUser(), cached: null, stale: false, seen: 0, finished: new Map(), reading: null };
}
