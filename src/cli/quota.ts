import { MAX_QUOTA_LINES } from '../administration/quota-file.ts';
import { type QuotaReport, quotaReport } from '../core/quota.ts';
import type { Uploads } from '../core/uploads.ts';
import { type Command, EXIT, print, readArgs, usageFailure } from './command.ts';
import { configurationFor, profileOf } from './configuration.ts';
import { importQuotas } from './quota-import.ts';
import { readLimit, readUser } from './units.ts';
import { withUploads } from './with-uploads.ts';

export const quota: Command = {
  help: `Usage: sluice quota get --user <uuid>
       sluice quota set --user <uuid> [--limit <size>] [--reset]
       sluice quota import <file> [--dry-run]

  get      limit, usage and reservations of a user
  set      change them
  import   set the limits of many users from CSV: a line "user_id,quota_limit", then one for each user,
           ${MAX_QUOTA_LINES} at most. The whole file is checked before anything is changed; then each line is
           done or not, never half. Doing it again changes nothing more. "-" reads standard input

  --user <uuid>   whose quota
  --limit <size>  new limit: 1048576, 500MiB, 10GiB, or default: the configured one, also when that changes
  --reset         begin a new period now, with nothing used
  --dry-run       only say what would be changed

Each change is an audit line on standard error. import ends with 1 where the file has faults and nothing
was done, and with 69 where a store went away: what is missing is done by calling it again.`,

  async run(args) {
    const { values, positionals } = readArgs(args, {
      user: { type: 'string' },
      limit: { type: 'string' },
      reset: { type: 'boolean', default: false },
      'dry-run': { type: 'boolean', default: false },
    });
    const [action, ...rest] = positionals;
    if (action === 'import') {
      const [file] = rest;
      if (file === undefined || rest.length > 1 || values.user || values.limit || values.reset) {
        throw usageFailure('"import" takes one file, and --dry-run.');
      }
      const config = () => configurationFor(profileOf(values));
      return importQuotas(config, { file, dryRun: values['dry-run'], json: values.json });
    }
    if ((action !== 'get' && action !== 'set') || rest.length > 0 || values['dry-run']) {
      throw usageFailure('quota needs "get", "set" or "import".');
    }
    const userId = readUser(values.user);
    const limit = values.limit === undefined ? undefined : readLimit('--limit', values.limit);
    const changes = limit !== undefined || values.reset;
    if (changes !== (action === 'set')) {
      throw usageFailure('"set" takes --limit, --reset or both; "get" takes neither.');
    }

    const config = configurationFor(profileOf(values));
    const report = await withUploads(config, async ({ uploads, audit, by }) => {
      const subject = audit.subject(userId);
      if (limit !== undefined) {
        await uploads.setLimit(userId, limit);
        audit.record('quota.changed', { subject, by, quota_limit: limit });
      }
      if (values.reset) {
        await uploads.resetPeriod(userId);
        audit.record('quota.changed', { subject, by, reset: true });
      }
      return readReport(uploads, userId);
    });
    print(values.json, { user_id: userId, ...report }, describe(userId, report));
    return EXIT.ok;
  },
};

async function readReport(uploads: Uploads, userId: string): Promise<QuotaReport> {
  return quotaReport(await uploads.quota(userId), uploads.limits.maxActiveSessions);
}

function describe(userId: string, report: QuotaReport): string {
  return [
    `user       ${userId}`,
    `limit      ${report.quota_limit} bytes (${report.quota_limit_gb} GiB)`,
    `used       ${report.quota_used} bytes (${report.usage_percentage} %)`,
    `reserved   ${report.quota_reserved} bytes by ${report.active_sessions} live sessions`,
    `remaining  ${report.quota_remaining} bytes`,
    `resets     ${report.reset_date}`,
  ].join('\n');
}
