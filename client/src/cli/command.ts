import { toApiError } from '../errors.ts';
import { createClient, openFile, type SluiceClient } from '../node.ts';
import type { Batch } from '../upload/batch.ts';
import type { DashboardContext } from '../upload/options.ts';
import type { UploadSnapshot } from '../upload/snapshot.ts';
import { type Arguments, HELP, parseArguments } from './arguments.ts';
import { createDisplay, type Display, type Screen } from './display.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { createJsonLines } from './json-lines.ts';
import { bytesInWords } from './words.ts';

export interface Terminal {
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: Screen;
  readonly stderr: Screen;
  /** Aborted by Ctrl-C. */
  readonly interrupted: AbortSignal;
  readonly version: string;
}

/** `sluice-upload`: gives back the exit code. */
export async function uploadCommand(terminal: Terminal): Promise<number> {
  const parsed = parseArguments(terminal.argv, terminal.env);
  if (parsed.kind === 'help') return say(terminal.stdout, HELP, EXIT.done);
  if (parsed.kind === 'version') return say(terminal.stdout, `${terminal.version}\n`, EXIT.done);
  if (parsed.kind === 'wrong') {
    return say(terminal.stderr, `${parsed.message}\nsluice-upload --help tells more.\n`, EXIT.usage);
  }
  const { args } = parsed;
  const fail = (message: string, code: number, error: Record<string, unknown> = {}) =>
    args.json
      ? say(
          terminal.stdout,
          `${JSON.stringify({ type: 'error', message, ...error, exit_code: code })}\n`,
          code,
        )
      : say(terminal.stderr, `${message}\n`, code);

  const files = await openFiles(args.files);
  if (files.kind === 'unreadable') return fail(files.message, EXIT.usage);

  const display = args.json ? createJsonLines(terminal.stdout) : createDisplay(terminal.stderr);
  try {
    const batch = await startBatch(clientFor(args), files.files, args, display, terminal.interrupted);
    await batch.done;
    display.close();
    return finish(terminal, args, batch);
  } catch (error) {
    if (terminal.interrupted.aborted) return EXIT.interrupted;
    const reason = toApiError(error);
    const { plan: _, ...details } = reason.details;
    const code = exitCodeOf(reason);
    const where = code === EXIT.unreachable ? ` It was looked for at ${new URL(args.url).origin}.` : '';
    return fail(`${reason.message}${where}`, code, { code: reason.code, details });
  }
}

async function openFiles(
  paths: readonly string[],
): Promise<{ kind: 'opened'; files: File[] } | { kind: 'unreadable'; message: string }> {
  const files: File[] = [];
  for (const path of paths) {
    try {
      files.push(await openFile(path));
    } catch (error) {
      return { kind: 'unreadable', message: toApiError(error).message };
    }
  }
  return { kind: 'opened', files };
}

function clientFor(args: Arguments): SluiceClient {
  return createClient({
    baseUrl: args.url,
    concurrency: args.concurrency,
    ...(args.token === null ? {} : { token: args.token }),
  });
}

function startBatch(
  client: SluiceClient,
  files: readonly File[],
  args: Arguments,
  display: Display,
  signal: AbortSignal,
): Promise<Batch> {
  const show = (_: unknown, upload: UploadSnapshot) => display.show(upload);
  const context: Partial<DashboardContext> = {
    workflow_type: files.length > 1 ? 'batch_upload' : 'single_upload',
    ...(args.section === null ? {} : { source_section: args.section }),
    // The service names the types it knows when it refuses another.
    ...(args.workflow === null ? {} : { workflow_type: args.workflow as DashboardContext['workflow_type'] }),
  };
  return client.uploadAll(files, {
    context,
    sha256: args.sha256,
    resume: args.resume ? 'auto' : 'never',
    signal,
    onProgress: show,
    onState: show,
  });
}

function finish(terminal: Terminal, args: Arguments, batch: Batch): number {
  const uploads = batch.uploads.map((upload) => upload.snapshot());
  const errors = uploads.flatMap((upload) => (upload.error ? [upload.error] : []));
  const done = uploads.filter((upload) => upload.state === 'done');
  const code = terminal.interrupted.aborted
    ? EXIT.interrupted
    : errors.length > 0
      ? Math.max(...errors.map(exitCodeOf))
      : EXIT.done;
  if (args.json) {
    const summary = { type: 'summary', uploaded: done.length, files: uploads.length, exit_code: code };
    return say(terminal.stdout, `${JSON.stringify(summary)}\n`, code);
  }
  if (code === EXIT.interrupted) return say(terminal.stderr, goOn(uploads), code);
  const bytes = done.reduce((sum, upload) => sum + upload.bytesTotal, 0);
  return say(
    terminal.stderr,
    `${done.length} of ${uploads.length} uploaded and verified, ${bytesInWords(bytes)}.\n`,
    code,
  );
}

/** Ctrl-C loses nothing: say so, and how to go on. */
function goOn(uploads: readonly UploadSnapshot[]): string {
  const lines = uploads
    .filter((upload) => upload.state !== 'done' && upload.session !== null)
    .map(
      ({ filename, session }) => `  ${filename}: session ${session?.sessionId}, until ${session?.expiresAt}`,
    );
  const what = lines.length > 0 ? `What was sent is kept:\n${lines.join('\n')}\n` : '';
  return `\nInterrupted. ${what}Run the same command again to go on.\n`;
}

function say(screen: Screen, text: string, code: number): number {
  screen.write(text);
  return code;
}
