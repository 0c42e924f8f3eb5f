import type { CommitResult, EndResult, SessionStore, TakeResult } from '../../core/ports.ts';
import type { Session } from '../../core/session.ts';
import { kindOf, type Owner, type StoreContext, withSums } from './context.ts';
import { nameOfSession, nameOfUser } from './names.ts';
import { encodePart } from './parts.ts';
import { asList, asNumber, asQuota, asSession } from './replies.ts';

/** A session from the moment it is admitted to its end. */
export function createLifecycle(context: StoreContext): Omit<SessionStore, 'admit'> {
  const { run, keys, owners } = context;

  function session(sessionId: string, reply: unknown): Session {
    const found = asSession(sessionId, reply);
    owners.remember(sessionId, found.userId);
    return found;
  }

  const ownKeys = (sessionId: string) => [keys.document(sessionId), keys.state(sessionId)];
  const allKeys = (sessionId: string, { shard, userId }: Owner) => [
    ...ownKeys(sessionId),
    keys.account(shard, userId),
    keys.reserving(shard, userId),
    keys.leftovers(shard, userId),
    keys.users(shard),
  ];

  return {
    async find(sessionId) {
      const reply = await run('find', ownKeys(sessionId), []);
      return reply === null ? null : session(sessionId, reply);
    },

    async take(sessionId, writer): Promise<TakeResult> {
      const reply = asList(await run('take', ownKeys(sessionId), [writer]));
      const kind = kindOf(reply);
      if (kind === 'not_found') return { kind };
      if (kind === 'ended') return { kind, session: session(sessionId, reply[1]) };
      const previousWriter = typeof reply[2] === 'string' ? reply[2] : null;
      return { kind: 'taken', session: session(sessionId, reply[1]), previousWriter };
    },

    async commit(sessionId, epoch, progress): Promise<CommitResult> {
      const owner = await owners.of(sessionId);
      if (!owner) return { kind: 'not_found' };
      const args = [
        nameOfSession(sessionId),
        String(epoch),
        String(progress.offset),
        String(progress.length ?? ''),
        progress.storage ?? '',
        progress.detectedFormat ?? '',
        String(progress.reserve ?? ''),
        progress.seal ? '1' : '',
        progress.restart ? '1' : '',
        progress.sha256 ?? '',
        ...(progress.parts ?? []).flatMap(encodePart),
      ];
      const touched = [...allKeys(sessionId, owner).slice(0, -1), keys.parts(sessionId)];
      const reply = await withSums(context, owner, () => run('commit', touched, args));
      const kind = kindOf(reply);
      switch (kind) {
        case 'not_found':
        case 'fenced':
          return { kind };
        case 'committed':
        case 'ended':
          return { kind, session: session(sessionId, reply[1]) };
        case 'quota_exceeded':
          return { kind, quota: asQuota(reply[1]), retryAt: asNumber(reply[2]), now: asNumber(reply[3]) };
        default:
          throw new TypeError(`commit.lua returned ${kind}.`);
      }
    },

    async finish(sessionId, completion) {
      const owner = await owners.of(sessionId);
      if (!owner) return null;
      const touched = [...allKeys(sessionId, owner), keys.parts(sessionId)];
      const reply = await run('finish', touched, [
        nameOfSession(sessionId),
        nameOfUser(owner.userId),
        String(completion.bytes),
        String(completion.periodStart),
        String(completion.accountVersion),
        String(completion.completedAt),
        completion.detectedFormat ?? '',
        completion.contentSha256,
      ]);
      return reply === null ? null : session(sessionId, reply);
    },

    async end(sessionId, ending): Promise<EndResult> {
      const owner = await owners.of(sessionId);
      if (!owner) return { kind: 'not_found' };
      const reply = asList(
        await run('end', allKeys(sessionId, owner), [
          nameOfSession(sessionId),
          nameOfUser(owner.userId),
          ending.status,
          ending.failure ? JSON.stringify(ending.failure) : '',
          ending.voided ? '1' : '',
          String(ending.holdReservationUntil ?? ''),
        ]),
      );
      const kind = kindOf(reply);
      switch (kind) {
        case 'not_found':
          return { kind };
        case 'ended':
        case 'already':
        case 'sealed':
          return { kind, session: session(sessionId, reply[1]) };
        default:
          throw new TypeError(`end.lua returned ${kind}.`);
      }
    },
  };
}
