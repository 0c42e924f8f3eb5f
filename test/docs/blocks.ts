import { globSync, readFileSync } from 'node:fs';

/** A fenced block of a document. */
export interface Block {
  /** What stands behind the fence: `sh`, `js`, `ts` … */
  readonly kind: string;
  readonly text: string;
  /** Of the fence, from 1. */
  readonly line: number;
  /** Why it is not run by a test, of a comment before it; null where there is none. */
  readonly notPasted: string | null;
  /** Lines of the `text` block behind it: they come among others, in any order; `…` stands for anything. */
  readonly prints: readonly string[];
}

const root = new URL('../../', import.meta.url);
const MARKED = /^<!-- not pasted by the tests(?:: (.*?))? -->$/;
const FENCE = /^ *```(\S*)/;

/** Everything that is written for people, but for the client's own README, whose package has its tests. */
export function documents(): string[] {
  const found = globSync(['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs/**/*.md'], { cwd: root });
  return found.map((name) => name.replaceAll('\\', '/')).sort();
}

export function blocksOf(document: string): Block[] {
  const lines = readFileSync(new URL(document, root), 'utf8').split('\n');
  const blocks: Block[] = [];
  let open: { kind: string; line: number; text: string[]; notPasted: string | null } | null = null;
  for (const [n, line] of lines.entries()) {
    const fence = FENCE.exec(line);
    if (!fence) open?.text.push(line);
    else if (!open) open = { kind: fence[1] ?? '', line: n + 1, text: [], notPasted: markBefore(lines, n) };
    else {
      const text = open.text.join('\n');
      const last = blocks.at(-1);
      // What an example prints stands right behind it.
      if (open.kind === 'text' && last && endsAt(last) === open.line - 1) {
        blocks[blocks.length - 1] = { ...last, prints: open.text };
      } else blocks.push({ kind: open.kind, line: open.line, text, notPasted: open.notPasted, prints: [] });
      open = null;
    }
  }
  return blocks;
}

function endsAt({ line, text }: Block): number {
  return line + text.split('\n').length + 1;
}

function markBefore(lines: readonly string[], fence: number): string | null {
  const marked = MARKED.exec(lines[fence - 1] ?? '');
  return marked ? (marked[1] ?? '') : null;
}
