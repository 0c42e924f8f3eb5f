import type { UploadSnapshot } from '../upload/snapshot.ts';
import { fraction, stateInWords } from './words.ts';

/** Where the command shows how its uploads are. */
export interface Display {
  show(upload: UploadSnapshot): void;
  /** The last words about all uploads. */
  close(): void;
}

export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Bars on a terminal, else lines: at each change of state, and at each quarter. */
export function createDisplay(screen: Screen): Display {
  return screen.isTTY ? createBars(screen) : createLines(screen);
}

const REDRAW_MS = 100;
const BAR = 24;

function createBars(screen: Screen): Display {
  const uploads = new Map<string, UploadSnapshot>();
  let drawn = 0;
  let timer: ReturnType<typeof setTimeout> | null = null;

  function draw(): void {
    timer = null;
    const lines = [...uploads.values()].map((upload) => `${barLine(upload, screen.columns ?? 80)}\x1b[K\n`);
    screen.write((drawn > 0 ? `\x1b[${drawn}A` : '') + lines.join(''));
    drawn = lines.length;
  }

  return {
    show(upload) {
      uploads.set(upload.id, upload);
      timer ??= setTimeout(draw, REDRAW_MS);
    },
    close() {
      if (timer) clearTimeout(timer);
      draw();
    },
  };
}

/** One line that never wraps: a wrapped one could not be drawn over. */
export function barLine(upload: UploadSnapshot, columns: number): string {
  const part = fraction(upload);
  const full = Math.round(part * BAR);
  const bar = '█'.repeat(full) + '░'.repeat(BAR - full);
  const percent = `${Math.floor(part * 100)} %`.padStart(5);
  const name = [...printable(upload.filename)].slice(0, 28).join('').padEnd(Math.min(28, columns));
  return [...`${name} ${bar} ${percent}  ${printable(stateInWords(upload))}`].slice(0, columns - 1).join('');
}

function createLines(screen: Screen): Display {
  const said = new Map<string, string>();
  return {
    show(upload) {
      const quarter = Math.floor(fraction(upload) * 4) * 25;
      const now = upload.state === 'uploading' ? `uploading ${quarter} %` : stateInWords(upload);
      if (upload.retry || said.get(upload.id) === now) return;
      said.set(upload.id, now);
      screen.write(`${printable(upload.filename)}: ${printable(now)}\n`);
    },
    close() {},
  };
}

/** Names of files, and words of a service, must not move a terminal's cursor. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}
