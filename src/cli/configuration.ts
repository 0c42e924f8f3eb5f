import { type Config, loadConfig, type Profile } from '../config.ts';
import { EXIT, failure, usageFailure } from './command.ts';

interface ProfileFlags {
  readonly embedded?: boolean | undefined;
  readonly production?: boolean | undefined;
}

/** The profile that was asked for; without a word production, where there is a database for it. */
export function profileOf(flags: ProfileFlags): Profile {
  if (flags.embedded && flags.production) throw usageFailure('Give --embedded or --production, not both.');
  if (flags.embedded) return 'embedded';
  if (flags.production) return 'production';
  return process.env.DATABASE_URL ? 'production' : 'embedded';
}

/** The configuration of this process. Fails with everything that is wrong with it. */
export function configurationFor(profile: Profile): Config {
  const result = loadConfig(process.env, profile);
  if (result.ok) return result.config;
  throw failure(EXIT.configuration, describeFaults(profile, result.faults));
}

function describeFaults(profile: Profile, faults: readonly string[]): string {
  return [
    `Sluice cannot start in the ${profile} profile. ${faults.length === 1 ? 'One thing is' : `${faults.length} things are`} wrong:`,
    ...faults.map((fault) => `  - ${fault}`),
    'All variables are described in docs/config.md.',
  ].join('\n');
}
