import { parseArgs } from 'node:util';
import { EXIT_TABLE } from './exit-codes.ts';

export interface Arguments {
  readonly files: readonly string[];
  readonly url: string;
  readonly token: string | null;
  readonly section: string | null;
  readonly workflow: string | null;
  readonly sha256: boolean;
  readonly json: boolean;
  readonly resume: boolean;
  readonly concurrency: number;
}

export type ParsedArguments =
  | { readonly kind: 'upload'; readonly args: Arguments }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'wrong'; readonly message: string };

const DEFAULT_URL = 'http://127.0.0.1:8080';

export const HELP = `sluice-upload FILE… [options]

Uploads videos to Sluice, and goes on where an earlier upload of the same file stopped.

  --url URL          address of the service (SLUICE_URL, else ${DEFAULT_URL})
  --token TOKEN      access token; better in SLUICE_TOKEN, where no other user can see it
  --section NAME     source section of the dashboard (default video_analysis)
  --workflow NAME    workflow type (default single_upload, for several files batch_upload)
  --sha256           hash each file first; the service refuses it unless it arrives bit for bit
  --concurrency N    files at the same time (default 3)
  --no-resume        begin anew, whatever was sent before
  --json             one JSON object per line on standard output, nothing for people
  --help, --version

Exit codes
${EXIT_TABLE.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`).join('\n')}
`;

export function parseArguments(argv: readonly string[], env: NodeJS.ProcessEnv): ParsedArguments {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(argv);
  } catch (error) {
    return { kind: 'wrong', message: error instanceof Error ? error.message : String(error) };
  }
  const { values, positionals } = parsed;
  if (values.help) return { kind: 'help' };
  if (values.version) return { kind: 'version' };
  if (positionals.length === 0) return { kind: 'wrong', message: 'Name at least one file.' };

  const url = values.url ?? env.SLUICE_URL ?? DEFAULT_URL;
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    return { kind: 'wrong', message: `--url must be an http or https address, not "${url}".` };
  }
  const concurrency = Number(values.concurrency ?? '3');
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 20) {
    return { kind: 'wrong', message: '--concurrency must be a whole number from 1 to 20.' };
  }
  const args: Arguments = {
    files: positionals,
    url,
    token: values.token ?? env.SLUICE_TOKEN ?? null,
    section: values.section ?? null,
    workflow: values.workflow ?? null,
    sha256: values.sha256 ?? false,
    json: values.json ?? false,
    resume: !values['no-resume'],
    concurrency,
  };
  return { kind: 'upload', args };
}

function parse(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      url: { type: 'string' },
      token: { type: 'string' },
      section: { type: 'string' },
      workflow: { type: 'string' },
      concurrency: { type: 'string' },
      sha256: { type: 'boolean' },
      json: { type: 'boolean' },
      'no-resume': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean' },
    },
  });
}
