import { COMMON_HELP, type Command, EXIT, exitCodeOf } from './cli/command.ts';
import { doctor } from './cli/doctor.ts';
import { quota } from './cli/quota.ts';
import { serve } from './cli/serve.ts';
import { sweep } from './cli/sweep.ts';
import { token } from './cli/token.ts';

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({ serve, token, quota, sweep, doctor }),
);

process.exitCode = await main(process.argv.slice(2));

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(`${overview()}\n`);
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  const command = COMMANDS.get(name);
  if (command === undefined) {
    process.stderr.write(`There is no command ${JSON.stringify(name)}.\n\n${overview()}\n`);
    return EXIT.usage;
  }
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${command.help}\n\n${COMMON_HELP}\n`);
    return EXIT.ok;
  }
  try {
    return await command.run(args);
  } catch (error) {
    const exitCode = exitCodeOf(error);
    if (exitCode === null) throw error;
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    return exitCode;
  }
}

function overview(): string {
  const lines = [...COMMANDS].map(([name, command]) => `  ${name.padEnd(8)} ${command.summary}`);
  return `Usage: sluice <command> [options]\n\n${lines.join('\n')}\n\n${COMMON_HELP}`;
}
