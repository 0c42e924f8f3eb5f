import { COMMON_HELP, type Command, EXIT, exitCodeOf } from './cli/command.ts';

interface Entry {
  readonly summary: string;
  /** Loaded when it is called for: a token takes no HTTP server. */
  readonly load: () => Promise<Command>;
}

const COMMANDS: ReadonlyMap<string, Entry> = new Map(
  Object.entries<Entry>({
    serve: {
      summary: 'Run the service until it is told to stop',
      load: async () => (await import('./cli/serve.ts')).serve,
    },
    token: {
      summary: 'Sign an access token, for development and for administrators',
      load: async () => (await import('./cli/token.ts')).token,
    },
    quota: {
      summary: 'Read or change quotas, of one user or of many from CSV',
      load: async () => (await import('./cli/quota.ts')).quota,
    },
    users: {
      summary: 'List users by their usage, or export the usage of all',
      load: async () => (await import('./cli/users.ts')).users,
    },
    sessions: {
      summary: 'List or cancel live sessions, of one user or of all',
      load: async () => (await import('./cli/sessions.ts')).sessions,
    },
    sweep: {
      summary: 'Sweep expired sessions now; a running service does it on its own',
      load: async () => (await import('./cli/sweep.ts')).sweep,
    },
    events: {
      summary: 'List the events of the outbox, or deliver some of them once more',
      load: async () => (await import('./cli/events.ts')).events,
    },
    doctor: {
      summary: 'Check the configuration and every dependency, and say what to do',
      load: async () => (await import('./cli/doctor.ts')).doctor,
    },
  }),
);

/** Runs the command that the arguments name, and gives its exit code. Called by cli.mjs. */
export async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(`${overview()}\n`);
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  const entry = COMMANDS.get(name);
  if (entry === undefined) {
    process.stderr.write(`There is no command ${JSON.stringify(name)}.\n\n${overview()}\n`);
    return EXIT.usage;
  }
  const command = await entry.load();
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
  const lines = [...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(8)} ${summary}`);
  return `Usage: sluice <command> [options]\n\n${lines.join('\n')}\n\n${COMMON_HELP}`;
}
