import { newSession } from '../../core/new-session.ts';
import type { Accounts, Admission, AdmitResult, SessionStore } from '../../core/ports.ts';
import { shardOfSession } from '../../core/session-id.ts';
import { kindOf, type StoreContext, withSums } from './context.ts';
import { encodeDocument } from './document.ts';
import { nameOfSession, nameOfUser, sessionOfName } from './names.ts';
import { asNumber, asQuota, asSession, asSessionIds, asText } from './replies.ts';

interface Deps extends StoreContext {
  readonly find: SessionStore['find'];
  readonly read: Accounts['read'];
}

/** Each turn but the last finds that the session which claimed the idempotency key is of no use any more. */
const CLAIM_TRIES = 4;

export function createAdmission(deps: Deps): Pick<SessionStore, 'admit'> {
  const { run, keys, shardOf, owners, find, read } = deps;

  async function admit(admission: Admission): Promise<AdmitResult> {
    const { sessionId, userId, idempotency } = admission;
    const owner = { shard: shardOf(userId), userId };
    let voidClaimant = '';
    for (let tries = 0; tries < CLAIM_TRIES; tries += 1) {
      const args = argumentsOf(admission, voidClaimant);
      const reply = await withSums(deps, owner, () => run('admit', keysOf(admission), args));
      if (kindOf(reply) !== 'claimed' || !idempotency) {
        owners.remember(sessionId, userId);
        return asAdmitResult(admission, reply);
      }
      const claimant = asText(reply[1]);
      const earlier = await find(sessionOfName(owner.shard, claimant));
      if (earlier?.status === 'active' || earlier?.status === 'completed') {
        if (asText(reply[2]) !== idempotency.fingerprint) return { kind: 'idempotency_key_reused' };
        const account = await read(userId);
        if (account.kind === 'need_account') return account;
        return {
          kind: 'admitted',
          session: earlier,
          quota: account.quota,
          replayed: true,
          isListenedTo: true,
        };
      }
      voidClaimant = claimant;
    }
    throw new Error('The idempotency key is claimed anew faster than its claims can be looked at.');
  }

  function keysOf({ sessionId, userId, idempotency }: Admission): string[] {
    const shard = shardOf(userId);
    return [
      keys.document(sessionId),
      keys.state(sessionId),
      keys.account(shard, userId),
      keys.reserving(shard, userId),
      keys.leftovers(shard, userId),
      keys.users(shard),
      keys.listened(shard, userId),
      ...(idempotency ? [keys.idempotency(shard, userId, idempotency.key)] : []),
    ];
  }

  return { admit };
}

function argumentsOf(admission: Admission, voidClaimant: string): string[] {
  return [
    nameOfSession(admission.sessionId),
    nameOfUser(admission.userId),
    encodeDocument({ ...admission.draft, maxFileSize: admission.maxFileSize }),
    String(admission.requestedBytes ?? ''),
    String(admission.maxFileSize),
    String(admission.maxActiveSessions),
    String(admission.ttlMs),
    String(admission.maxLifetimeMs),
    String(admission.draft.expectedFileSize ?? ''),
    admission.idempotency?.fingerprint ?? '',
    voidClaimant,
  ];
}

function asAdmitResult(admission: Admission, reply: readonly unknown[]): AdmitResult {
  const kind = kindOf(reply);
  switch (kind) {
    case 'admitted': {
      const session = newSession(admission, asNumber(reply[1]), asNumber(reply[2]));
      return { kind, replayed: false, session, quota: asQuota(reply[3]), isListenedTo: reply[4] !== 0 };
    }
    case 'admitted before':
      return {
        kind: 'admitted',
        replayed: true,
        session: asSession(admission.sessionId, reply[1]),
        quota: asQuota(reply[2]),
        isListenedTo: true,
      };
    case 'quota_exceeded':
      return {
        kind,
        quota: asQuota(reply[1]),
        required: asNumber(reply[2]),
        retryAt: asNumber(reply[3]),
        now: asNumber(reply[4]),
      };
    case 'too_many_sessions':
      return { kind, quota: asQuota(reply[1]), retryAt: asNumber(reply[2]), now: asNumber(reply[3]) };
    case 'need_account':
      return { kind, sealed: asSessionIds(shardOfSession(admission.sessionId), reply[1]) };
    default:
      throw new TypeError(`admit.lua returned ${kind}.`);
  }
}
