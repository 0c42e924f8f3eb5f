import type { Concatenation } from '../../core/ports.ts';
import { kindOf, type StoreContext, withSums } from './context.ts';
import { nameOfSession, nameOfUser, sessionOfName } from './names.ts';
import { encodePart } from './parts.ts';
import { asSession, asText } from './replies.ts';

export function createConcatenation(context: StoreContext): Concatenation {
  const { run, keys, owners } = context;

  return {
    async merge(sessionId, epoch, joined, partials) {
      const owner = await owners.of(sessionId);
      if (!owner) return { kind: 'not_found' };
      const { shard, userId } = owner;
      const touched = [
        keys.document(sessionId),
        keys.state(sessionId),
        keys.account(shard, userId),
        keys.reserving(shard, userId),
        keys.leftovers(shard, userId),
        keys.users(shard),
        keys.parts(sessionId),
        ...partials.map(keys.state),
      ];
      const args = [
        nameOfSession(sessionId),
        nameOfUser(userId),
        String(epoch),
        String(joined.offset),
        joined.storage,
        joined.detectedFormat ?? '',
        String(partials.length),
        ...partials.map(nameOfSession),
        ...(joined.parts ?? []).flatMap(encodePart),
      ];
      const reply = await withSums(context, owner, () => run('merge', touched, args));
      const kind = kindOf(reply);
      switch (kind) {
        case 'not_found':
        case 'fenced':
          return { kind };
        case 'merged':
        case 'ended':
          return { kind, session: asSession(sessionId, reply[1]) };
        case 'unfit':
          return { kind, sessionId: sessionOfName(shard, asText(reply[1])) };
        default:
          throw new TypeError(`merge.lua returned ${kind}.`);
      }
    },
  };
}
