import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findProgram } from './servers/program.ts';

/** The session after the commands ran: what the upload answered, and what the service says when asked again. */
export interface PastedUpload {
  readonly answer: { readonly session_id: string; readonly status: string };
  readonly status: string;
}

/**
 * Does what a stranger does with what the service prints at its start: pastes the commands, unchanged, into a
 * shell in an unrelated folder. Then asks with the printed token how the session reads.
 */
export async function pasteCommands(printed: string): Promise<PastedUpload> {
  const paragraphs = printed.split(/\n\s*\n/).map((paragraph) => paragraph.trim());
  const commands = paragraphs.filter((paragraph) => /^(?:\w+=\$\()?curl /.test(paragraph));
  const token = paragraphs.find((paragraph) => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(paragraph));
  const url = /http:\/\/[\w.[\]:]+:\d+/.exec(printed)?.[0];
  if (commands.length !== 2 || !token || !url) {
    throw new Error(`The service did not print an address, a token and two commands:\n${printed}`);
  }

  findProgram({ name: 'curl', debianPackage: 'curl' });
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', commands.join('\n')], {
    cwd: '/',
    timeout: 30_000,
  });
  const answer = JSON.parse(stdout) as PastedUpload['answer'];
  const response = await fetch(`${url}/v1/dashboard/upload/sessions/${answer.session_id}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const { status } = (await response.json()) as { status: string };
  return { answer, status };
}
