import { test } from 'node:test';
import fc from 'fast-check';
import { type MakeHarness, newUser } from './harness.ts';
import { createLedgerModel, PERIOD_MS } from './ledger-model.ts';
import {
  checkInvariants,
  isLive,
  type Model,
  type ModelSession,
  type ModelUser,
  type Real,
} from './model.ts';
import * as steps from './model-steps.ts';

const USERS = 2;
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
const anyIndex = fc.nat(99);

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
  which: (session: ModelSession, now: number) => boolean,
  detail: fc.Arbitrary<T>,
  step: (detail: T) => SessionStep,
): fc.Arbitrary<Command> {
  return fc.tuple(anyIndex, detail).map(([index, given]) =>
    command(`${name}(session ${index}, ${fc.stringify(given)})`, async (model, real) => {
      const now = await real.harness.now();
      const eligible = model.sessions.filter((session) => now < session.goneAfter && which(session, now));
      const session = eligible[index % eligible.length];
      if (session) await step(given)(model, real, session);
    }),
  );
}

const any = () => true;
const sealed = ({ stored, sealed }: ModelSession) => stored === 'active' && sealed;
const settled = ({ completion }: ModelSession) => completion !== null;

const nothing = fc.constant(null);
const initiate = onUser(
  'initiate',
  fc.option(fc.integer({ min: 1, max: 400 })),
  (bytes) =>
    (...all) =>
      steps.initiate(...all, bytes),
);
const change = fc.record({
  grow: fc.nat(200),
  reserve: fc.option(fc.nat(900)),
  seal: fc.nat(3).map((n) => n === 0),
  late: fc.nat(4).map((n) => n === 0),
});
const commit = onSession(
  'commit',
  isLive,
  change,
  (given) =>
    (...all) =>
      steps.commit(...all, given),
);
const ending = fc.record({
  status: fc.constantFrom('cancelled', 'failed', 'cancelled'),
  holdMs: fc.constantFrom(0, 0, 900_000),
});
// Whole minutes: no moment that matters comes so close to another that the real clock could mix them up.
const jump = fc.constantFrom(60_000, 300_000, 300_000, 600_000, 900_000);
const limit = fc.constantFrom(0, 500, LIMIT, LIMIT, 2000);

/** As often as they are named here. Many small ones on sessions that are alive, few that end it all. */
const commands = [
  initiate,
  initiate,
  initiate,
  commit,
  commit,
  commit,
  onSession('take', isLive, nothing, () => steps.take),
  onSession('take', any, nothing, () => steps.take),
  onSession(
    'commit',
    any,
    change,
    (given) =>
      (...all) =>
        steps.commit(...all, given),
  ),
  onSession('look', any, nothing, () => steps.look),
  onSession('settle', sealed, nothing, () => steps.settle),
  onSession('void', sealed, nothing, () => steps.voidInLedger),
  onSession('finish', settled, nothing, () => steps.finish),
  onSession('complete', sealed, nothing, () => async (...all) => {
    await steps.settle(...all);
    await steps.finish(...all);
  }),
  onSession(
    'end',
    any,
    ending,
    ({ status, holdMs }) =>
      (...all) =>
        steps.end(...all, status, holdMs),
  ),
  onUser('read ledger', nothing, () => steps.readLedger),
  onUser('load', nothing, () => steps.load),
  onUser('set limit', limit, (bytes) => async (_, { harness, ledger }, user) => {
    ledger.setLimit(user.userId, bytes, await harness.now());
  }),
  onUser('reset period', nothing, () => async (_, { harness, ledger }, user) => {
    ledger.resetPeriod(user.userId, await harness.now());
  }),
  fc
    .record({ crash: fc.nat(3).map((n) => n === 0), together: fc.boolean() })
    .map((how) => command(`sweep(${JSON.stringify(how)})`, (...all) => steps.sweep(...all, how))),
  jump.map((ms) => command(`advance(${ms})`, (_, { harness }) => harness.advance(ms))),
  fc.constant(command('a period passes', (_, { harness }) => harness.advance(PERIOD_MS))),
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
