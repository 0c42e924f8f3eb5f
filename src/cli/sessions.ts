import { adminSessionDetail, adminSessionView, cancellationView } from '../administration/session-view.ts';
import type { Config } from '../config.ts';
import type { Administration } from '../core/administration.ts';
import type { Session } from '../core/session.ts';
import { parseUuid } from '../core/session-id.ts';
import type { Cancellation, LiveSessionPage, SessionFilter } from '../core/session-list.ts';
import { auditCancellations } from '../log/audit-administration.ts';
import { type Command, EXIT, failure, print, readArgs, usageFailure } from './command.ts';
import { configurationFor, profileOf } from './configuration.ts';
import { readCount, readMoment, readUser } from './units.ts';
import { withUploads } from './with-uploads.ts';

const DEFAULT_COUNT = 50;
/** Sessions asked for, or cancelled, at once. */
const PAGE = 500;

export const sessions: Command = {
  help: `Usage: sluice sessions list [filters] [--limit <n>] [--after <cursor>]
       sluice sessions show <id>
       sluice sessions cancel <id>… [--dry-run]
       sluice sessions cancel --user <uuid>|--all [filters] [--dry-run]

  list     live sessions, user by user, newest first
  show     one session, live or ended lately: how far it is, who writes it, why it failed
  cancel   end these, those of a user, or all: running transfers are stopped, bytes deleted, reservations
           given back. What is complete stays complete

Filters
  --user <uuid>            of this user
  --created-before <time>  2026-01-31T12:00:00Z, or so long ago: 90m, 12h, 7d
  --created-after <time>   the same
  --without-bytes          that no byte has reached

  --limit <n>              that many at most (list: ${DEFAULT_COUNT}; cancel: all)
  --after <cursor>         go on where an earlier list ended; it says so at its end
  --dry-run                only say what would be cancelled

Each cancelled session is an audit line on standard error. cancel ends with 1 where one of them could not
be cancelled, show where there is no such session.`,

  async run(args) {
    const { values, positionals } = readArgs(args, {
      user: { type: 'string' },
      all: { type: 'boolean', default: false },
      'created-before': { type: 'string' },
      'created-after': { type: 'string' },
      'without-bytes': { type: 'boolean', default: false },
      limit: { type: 'string' },
      after: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
    });
    const [action, ...given] = positionals;
    const filter: SessionFilter = {
      userId: values.user === undefined ? undefined : readUser(values.user),
      createdBefore: moment('--created-before', values['created-before']),
      createdAfter: moment('--created-after', values['created-after']),
      withoutBytes: values['without-bytes'],
    };
    const filtered = Object.values(filter).some((one) => one !== undefined && one !== false);

    if (action === 'list' && given.length === 0 && !values.all && !values['dry-run']) {
      const limit = readCount('--limit', values.limit, DEFAULT_COUNT);
      const config = configurationFor(profileOf(values));
      const page = await withUploads(config, ({ administration }) =>
        collect(administration, filter, { limit, after: values.after ?? null }),
      );
      const view = { sessions: page.sessions.map(adminSessionView), next: page.next };
      print(values.json, view, describeList(page));
      return EXIT.ok;
    }

    if (action === 'show' && given.length === 1 && !filtered && !values.all && !values['dry-run']) {
      return show(configurationFor(profileOf(values)), readSession(given[0] ?? ''), values.json);
    }

    const wishes = [given.length > 0, values.user !== undefined, values.all].filter(Boolean);
    if (action !== 'cancel' || wishes.length !== 1 || values.after || (given.length > 0 && filtered)) {
      throw usageFailure(
        'sessions needs "list", "show" with an id, or "cancel" with ids, with --user or with --all.',
      );
    }
    const ids = given.map(readSession);
    const limit = readCount('--limit', values.limit, Number.MAX_SAFE_INTEGER);
    const dryRun = values['dry-run'];
    const config = configurationFor(profileOf(values));
    return withUploads(config, async ({ administration, audit, by }) => {
      const done: Cancellation[] = [];
      for await (const batch of batchesOf(administration, { ids, filter, limit })) {
        const results = await administration.sessions.cancelAll(batch, { dryRun });
        auditCancellations(audit, { by, sessions: results });
        done.push(...results);
      }
      const cancelled = done.filter(({ result }) => result === 'cancelled').length;
      const view = { dry_run: dryRun, cancelled, sessions: done.map(cancellationView) };
      print(values.json, view, describeCancellations(done));
      return done.every(({ result }) => GOOD.has(result)) ? EXIT.ok : EXIT.failed;
    });
  },
};

/** An ended session is what was wished for, whoever ended it. */
const GOOD: ReadonlySet<Cancellation['result']> = new Set(['cancelled', 'would_cancel', 'ended']);

function moment(option: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : readMoment(option, text);
}

function readSession(text: string): string {
  const sessionId = parseUuid(text);
  if (sessionId === null) throw usageFailure(`${JSON.stringify(text)} is no session id.`);
  return sessionId;
}

async function show(config: Config, sessionId: string, json: boolean | undefined): Promise<number> {
  const found = await withUploads(config, ({ administration }) => administration.sessions.find(sessionId));
  if (found === null) {
    throw failure(
      EXIT.failed,
      `There is no session ${sessionId}, or it ended so long ago that it is forgotten.`,
    );
  }
  const view = adminSessionDetail(found);
  const { failure: why, ...rest } = view;
  const lines = Object.entries({ ...rest, failure: why && `${why.error_code}: ${why.error_message}` }).map(
    ([name, value]) => `${name.padEnd(15)} ${value ?? '-'}`,
  );
  print(json, view, lines.join('\n'));
  return EXIT.ok;
}

async function collect(
  { sessions: list }: Administration,
  filter: SessionFilter,
  { limit, after }: { readonly limit: number; readonly after: string | null },
): Promise<LiveSessionPage> {
  const found: Session[] = [];
  let next = after;
  do {
    const page = await list.page(filter, { limit: Math.min(PAGE, limit - found.length), after: next });
    if (!page.ok) throw usageFailure(page.refusal.message);
    found.push(...page.value.sessions);
    next = page.value.next;
  } while (next !== null && found.length < limit);
  return { sessions: found, next };
}

/** The sessions to be cancelled, page by page: what is cancelled is behind the cursor already. */
async function* batchesOf(
  administration: Administration,
  wish: { readonly ids: readonly string[]; readonly filter: SessionFilter; readonly limit: number },
): AsyncGenerator<readonly string[]> {
  if (wish.ids.length > 0) {
    yield wish.ids;
    return;
  }
  let left = wish.limit;
  let after: string | null = null;
  do {
    const page = await collect(administration, wish.filter, { limit: Math.min(PAGE, left), after });
    yield page.sessions.map(({ sessionId }) => sessionId);
    left -= page.sessions.length;
    after = page.next;
  } while (after !== null && left > 0);
}

function describeList({ sessions: found, next }: LiveSessionPage): string {
  const lines = found.map((session) => {
    const {
      session_id: id,
      user_id: user,
      created_at: since,
      upload_offset,
      reserved_bytes,
    } = adminSessionView(session);
    return `${id}  of ${user}  since ${since}  ${upload_offset} bytes of ${reserved_bytes} reserved`;
  });
  if (found.length === 0) lines.push('There are no live sessions of that kind.');
  return [...lines, ...(next === null ? [] : [`There are more: --after ${next}`])].join('\n');
}

function describeCancellations(done: readonly Cancellation[]): string {
  const lines = done.map(({ sessionId, userId, result }) => {
    const owner = userId === null ? '' : `  of ${userId}`;
    return `${sessionId}${owner}  ${result.replaceAll('_', ' ')}`;
  });
  return lines.length > 0 ? lines.join('\n') : 'There are no live sessions of that kind.';
}
