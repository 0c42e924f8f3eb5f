import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

/** Exit codes, the same for every command; 69 and 78 are those of sysexits.h. */
export const EXIT = {
  ok: 0,
  /** It was tried and did not work, or doctor found something. */
  failed: 1,
  /** The command line cannot be understood. */
  usage: 2,
  /** Something it needs is away or taken: a port, a folder, a store. */
  unavailable: 69,
  /** The configuration has faults; all of them are listed. */
  configuration: 78,
} as const;

export interface Command {
  /** What `--help` prints above the options that all commands share. */
  readonly help: string;
  run(args: readonly string[]): Promise<number>;
}

/** Options that every command takes. */
const COMMON = {
  help: { type: 'boolean', short: 'h' },
  json: { type: 'boolean' },
  embedded: { type: 'boolean' },
  production: { type: 'boolean' },
} as const satisfies ParseArgsOptionsConfig;

export const COMMON_HELP = `Options of every command
  --embedded     use the embedded profile: one machine, everything under DATA_DIR
  --production   use the production profile. Without either: production where DATABASE_URL is set,
                 else embedded; serve is production unless told otherwise
  --json         print JSON, for programs
  -h, --help     print this

Exit codes: 0 done, 1 failed, 2 bad command line, 69 something is away or taken, 78 bad configuration`;

/** Reads the arguments strictly: an unknown option is an error. */
export function readArgs<const T extends ParseArgsOptionsConfig>(args: readonly string[], options: T) {
  return parseArgs({
    args: [...args],
    options: { ...COMMON, ...options },
    allowPositionals: true,
    strict: true,
  });
}

/** An end that the user has to do something about: its message is printed without a stack. */
export function failure(exitCode: number, message: string): Error {
  return Object.assign(new Error(message), { exitCode });
}

export function usageFailure(message: string): Error {
  return failure(EXIT.usage, `${message} Add --help to see how it is used.`);
}

/** The exit code of an error that has one; null for surprises. */
export function exitCodeOf(error: unknown): number | null {
  if (!(error instanceof Error)) return null;
  if ('exitCode' in error && typeof error.exitCode === 'number') return error.exitCode;
  if ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')) return EXIT.usage;
  return null;
}

/** Prints a result: JSON for programs, else the sentence for people. */
export function print(json: boolean | undefined, value: unknown, text: string): void {
  process.stdout.write(`${json ? JSON.stringify(value) : text}\n`);
}
