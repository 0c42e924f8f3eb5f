import { type QuotaReport, quotaReport } from '../core/quota.ts';
import type { Uploads } from '../core/uploads.ts';
import { type Command, EXIT, print, readArgs, usageFailure } from './command.ts';
import { configurationFor, profileOf } from './configuration.ts';
import { readSize, readUser } from './units.ts';
import { withUploads } from './with-uploads.ts';

export const quota: Command = {
  help: `Usage: sluice quota get --user <uuid>
       sluice quota set --user <uuid> [--limit <size>] [--reset]

  --user <uuid>   whose quota
  --limit <size>  new limit: 1048576, 500MiB, 10GiB
  --reset         begin a new period now, with nothing used`,

  async run(args) {
    const { values, positionals } = readArgs(args, {
      user: { type: 'string' },
      limit: { type: 'string' },
      reset: { type: 'boolean', default: false },
    });
    const [action, ...rest] = positionals;
    if ((action !== 'get' && action !== 'set') || rest.length > 0) {
      throw usageFailure('quota needs "get" or "set".');
    }
    const userId = readUser(values.user);
    const limit = values.limit === undefined ? null : readSize('--limit', values.limit);
    const changes = limit !== null || values.reset;
    if (changes !== (action === 'set')) {
      throw usageFailure('"set" takes --limit, --reset or both; "get" takes neither.');
    }

    const config = configurationFor(profileOf(values));
    const report = await withUploads(config, async (uploads) => {
      if (limit !== null) await uploads.setLimit(userId, limit);
      if (values.reset) await uploads.resetPeriod(userId);
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
    `limit      ${report.quota_limit} bytes (${report.quota_limit_gb} GB)`,
    `used       ${report.quota_used} bytes (${report.usage_percentage} %)`,
    `reserved   ${report.quota_reserved} bytes by ${report.active_sessions} live sessions`,
    `remaining  ${report.quota_remaining} bytes`,
    `resets     ${report.reset_date}`,
  ].join('\n');
}
