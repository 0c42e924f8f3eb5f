import { loadConfig } from '../config.ts';
import { type Command, EXIT, print, readArgs } from './command.ts';
import { profileOf } from './configuration.ts';
import { bad, type Finding, well } from './doctor/finding.ts';
import { examineMachine } from './doctor/machine.ts';
import { examineSettings } from './doctor/settings.ts';
import { examineStores } from './doctor/stores.ts';

export const doctor: Command = {
  help: `Usage: sluice doctor

Looks at the configuration, the session store, the ledger, the storage, undelivered events, folders, room and
the port, and says what to do about each thing it finds: BAD keeps the service from working, NOTE is advice.
Changes nothing but empty databases that a start would make as well. Exit code 0 where nothing is
bad, 78 where the configuration is wrong, else 1.`,

  async run(args) {
    const { values } = readArgs(args, {});
    const profile = profileOf(values);
    const result = loadConfig(process.env, profile);
    const findings: readonly Finding[] = result.ok
      ? [
          well('configuration', `valid (${profile} profile)`),
          ...examineSettings(result.config),
          ...(await examineStores(result.config)),
          ...(await examineMachine(result.config)),
        ]
      : result.faults.map((fault) =>
          bad(
            'configuration',
            fault,
            `mend it; docs/config.md describes every variable of the ${profile} profile`,
          ),
        );
    const healthy = findings.every((finding) => finding.ok);
    print(values.json, { ok: healthy, profile, findings }, findings.map(describe).join('\n'));
    if (!result.ok) return EXIT.configuration;
    return healthy ? EXIT.ok : EXIT.failed;
  },
};

const MARKS = { ok: 'ok  ', advice: 'NOTE', bad: 'BAD ' } as const;
const WIDTH = 17;

function describe({ check, level, message, advice }: Finding): string {
  const line = `${MARKS[level]} ${check.padEnd(WIDTH)} ${message}`;
  return advice === undefined ? line : `${line}\n     -> ${advice}`;
}
