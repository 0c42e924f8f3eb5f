import { type Command, EXIT, print, readArgs } from './command.ts';
import { configurationFor, profileOf } from './configuration.ts';
import { withUploads } from './with-uploads.ts';

export const sweep: Command = {
  help: `Usage: sluice sweep

Gives back the reservations of expired sessions and deletes their bytes.`,

  async run(args) {
    const { values } = readArgs(args, {});
    const config = configurationFor(profileOf(values));
    const cleaned = await withUploads(config, ({ uploads }) => uploads.sweep());
    print(
      values.json,
      { cleaned_sessions: cleaned },
      `Cleaned ${cleaned} session${cleaned === 1 ? '' : 's'}.`,
    );
    return EXIT.ok;
  },
};
