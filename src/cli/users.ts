import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { EXPORT_FORMATS, usageFile } from '../administration/usage-export.ts';
import { SluiceError } from '../core/errors.ts';
import type { ListedUser, UserList, UserListQuery, UserPage } from '../core/user-list.ts';
import { type Command, EXIT, failure, print, readArgs, usageFailure } from './command.ts';
import { configurationFor, profileOf } from './configuration.ts';
import { readChoice, readCount } from './units.ts';
import { withUploads } from './with-uploads.ts';

const ORDERS = ['used', 'usage', 'limit', 'user'] as const;
const DIRECTIONS = ['desc', 'asc'] as const;
const DEFAULT_COUNT = 50;
/** Users asked for at once. */
const PAGE = 500;

export const users: Command = {
  help: `Usage: sluice users list [--sort used|usage|limit|user] [--order desc|asc] [--limit <n>] [--after <cursor>]
       sluice users export [--format csv|jsonl] [--output <file>]

  list     users with their quota: whoever has uploaded, asked for his quota, or was given a limit
  export   all of them, in the order of their ids, a line each; nothing is held in memory

  --sort <what>      used: bytes (default); usage: share of the limit; limit; user: the id
  --order <which>    desc (default) or asc
  --limit <n>        that many at most (${DEFAULT_COUNT})
  --after <cursor>   go on where an earlier list ended; it says so at its end
  --format <which>   csv (default) or jsonl, which --json stands for
  --output <file>    write there, readable by you alone, and fail where it exists; else to standard output`,

  async run(args) {
    const { values, positionals } = readArgs(args, {
      sort: { type: 'string', default: 'used' },
      order: { type: 'string', default: 'desc' },
      limit: { type: 'string' },
      after: { type: 'string' },
      format: { type: 'string' },
      output: { type: 'string' },
    });
    const [action, ...rest] = positionals;
    if ((action !== 'list' && action !== 'export') || rest.length > 0) {
      throw usageFailure('users needs "list" or "export".');
    }
    const format = readChoice('--format', EXPORT_FORMATS, values.format ?? (values.json ? 'jsonl' : 'csv'));
    if (action === 'export' && values.json && format !== 'jsonl') {
      throw usageFailure(`--json and --format ${format} contradict each other.`);
    }
    const query = {
      order: readChoice('--sort', ORDERS, values.sort),
      descending: readChoice('--order', DIRECTIONS, values.order) === 'desc',
      limit: readCount('--limit', values.limit, DEFAULT_COUNT),
      after: values.after ?? null,
    };
    const config = configurationFor(profileOf(values));
    return withUploads(config, async ({ administration, audit, by }) => {
      if (action === 'list') {
        const page = await listUsers(administration.users, query);
        print(values.json, page, describe(page));
        return EXIT.ok;
      }
      audit.record('usage.exported', { by, format });
      await writeOut(usageFile(administration.users.everybody(), format), values.output);
      return EXIT.ok;
    });
  },
};

/** To a file of the user's own, or to standard output, whose reader may have enough of it at any time. */
async function writeOut(lines: AsyncIterable<string>, output: string | undefined): Promise<void> {
  try {
    if (output === undefined) await pipeline(lines, process.stdout, { end: false });
    else await pipeline(lines, createWriteStream(output, { flags: 'wx', mode: 0o600 }));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EPIPE') return;
    if (typeof code !== 'string' || error instanceof SluiceError) throw error;
    throw failure(EXIT.failed, `${JSON.stringify(output)} cannot be written (${code}).`);
  }
}

/** As many pages as it takes to show that many users. */
async function listUsers(list: UserList, { limit, after, ...query }: UserListQuery): Promise<UserPage> {
  const users: ListedUser[] = [];
  let next = after;
  do {
    const page = await list.page({ ...query, limit: Math.min(PAGE, limit - users.length), after: next });
    if (!page.ok) throw usageFailure(page.refusal.message);
    users.push(...page.value.users);
    next = page.value.next;
  } while (next !== null && users.length < limit);
  return { users, next };
}

function describe({ users, next }: UserPage): string {
  const lines = users.map((user) => {
    const limit = user.limit_source === 'own' ? `${user.quota_limit}` : `${user.quota_limit} (default)`;
    const share = `${user.usage_percentage.toFixed(2)} %`.padStart(10);
    const live =
      user.active_sessions === 0 ? '' : `  ${user.quota_reserved} reserved by ${user.active_sessions}`;
    return `${user.user_id}  ${share}  ${user.quota_used} of ${limit}${live}`;
  });
  if (users.length === 0) lines.push('There are no users.');
  return [...lines, ...(next === null ? [] : [`There are more: --after ${next}`])].join('\n');
}
