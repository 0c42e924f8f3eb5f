import { styleText } from 'node:util';

const BAR_WIDTH = 32;
const LABEL_WIDTH = 18;

/** What the demo shows: one line a step, and a bar that moves where the output is a terminal. */
export interface Terminal {
  title(text: string): void;
  /** A step that went as expected. */
  done(label: string, text: string): void;
  /** Something that is meant to look wrong: the cut. */
  cut(label: string, text: string): void;
  failed(text: string): void;
  /** Bytes so far of `total`; the line stays once `finish` is called. */
  progress(label: string, total: number): { show(bytes: number): void; finish(): void };
}

export function createTerminal(out: NodeJS.WriteStream): Terminal {
  const line = (sign: string, label: string, text: string) =>
    out.write(`${sign} ${styleText('bold', label.padEnd(LABEL_WIDTH))} ${text}\n`);
  return {
    title: (text) => out.write(`\n${styleText('bold', text)}\n\n`),
    done: (label, text) => line(styleText('green', '✔'), label, text),
    cut: (label, text) => line(styleText('yellow', '✂'), label, styleText('yellow', text)),
    failed: (text) => out.write(`${styleText('red', '✖')} ${text}\n`),
    progress(label, total) {
      let bytes = 0;
      const text = () => `${bar(bytes / total)} ${percent(bytes / total)}  ${size(bytes)} of ${size(total)}`;
      const start = `${styleText('cyan', '▸')} ${styleText('bold', label.padEnd(LABEL_WIDTH))} `;
      return {
        show(now) {
          bytes = now;
          if (out.isTTY) out.write(`\r${start}${text()}\x1b[K`);
        },
        finish() {
          // Elsewhere one plain line at the end says the same.
          out.write(`${out.isTTY ? '\r' : ''}${start}${text()}${out.isTTY ? '\x1b[K' : ''}\n`);
        },
      };
    },
  };
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, share) * BAR_WIDTH);
  return styleText('cyan', '█'.repeat(full)) + styleText('dim', '░'.repeat(BAR_WIDTH - full));
}

function percent(share: number): string {
  return `${String(Math.floor(share * 100)).padStart(3)} %`;
}

/** `31.1 KiB`: sizes for people. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}
