import { sweepAbandoned } from '../main/abandoned-sweeper.ts';
import { type Command, EXIT, print, readArgs } from './command.ts';
import { configurationFor, profileOf } from './configuration.ts';
import { withUploads } from './with-uploads.ts';

export const sweep: Command = {
  help: `Usage: sluice sweep

Gives back the reservations of expired sessions and deletes their bytes, and unfinished bytes that are older than
any session lives and that no session knows of.`,

  async run(args) {
    const { values } = readArgs(args, {});
    const config = configurationFor(profileOf(values));
    const { cleaned, removed } = await withUploads(config, async ({ uploads, stores }) => ({
      cleaned: await uploads.sweep(),
      ...(await sweepAbandoned(stores, config.limits)),
    }));
    print(
      values.json,
      { cleaned_sessions: cleaned, abandoned_removed: removed },
      `Cleaned ${cleaned} session${cleaned === 1 ? '' : 's'}, removed ${removed} abandoned upload${removed === 1 ? '' : 's'}.`,
    );
    return EXIT.ok;
  },
};
