import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** A command in a document, and what the document says it prints. */
export interface Example {
  readonly section: string;
  readonly command: string;
  /** Lines that come among others, in any order; `…` stands for anything. */
  readonly prints: readonly string[];
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FENCED = /^```(sh|text)\n(.*?)^```$/gms;

/** The commands of a document, in their order, but for those with `…` to be filled in. */
export function examplesOf(document: string): Example[] {
  const text = readFileSync(new URL(`../../docs/${document}`, import.meta.url), 'utf8');
  return text.split(/^(?=##+ )/m).flatMap((part) => {
    const section = /^##+ (.*)$/m.exec(part)?.[1] ?? '';
    const examples: Example[] = [];
    for (const [, kind, content = ''] of part.matchAll(FENCED)) {
      const last = examples.pop();
      if (kind === 'text' && last) examples.push({ ...last, prints: content.trimEnd().split('\n') });
      else if (last) examples.push(last);
      if (kind === 'sh' && !content.includes('…')) examples.push({ section, command: content, prints: [] });
    }
    return examples;
  });
}

/** Pastes commands into one shell; gives what each of them printed. */
export async function paste(
  commands: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string[]> {
  const mark = '--- the next command ---';
  const script = commands.join(`\necho; echo '${mark}'\n`);
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: ROOT,
    env: { PATH: process.env.PATH ?? '', ...env },
    timeout: 60_000,
  });
  return stdout.replaceAll('\r', '').split(`${mark}\n`);
}

/** The first line that was to be printed and was not; null where all are there. */
export function missingLine(printed: string, expected: readonly string[]): string | null {
  const missing = expected.find((line) => {
    const pattern = line.split('…').map(RegExp.escape).join('.*');
    return !new RegExp(`^${pattern}$`, 'm').test(printed);
  });
  return missing ?? null;
}
