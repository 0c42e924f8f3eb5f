import { frameOf } from './frame-of.ts';

/** A file as its rows know it, before and after its start. */
export interface PreviewedFile {
  readonly name: string;
  readonly size: number;
}

/** Pictures of the chosen files, made one after the other. */
export interface Previews {
  /** Null while there is none, and where there will be none. */
  of(file: PreviewedFile): ImageBitmap | null;
  /** Makes one where there was none; asking twice does nothing. */
  want(file: File): void;
  subscribe(listener: () => void): () => void;
}

/** Device pixels: the tile is 44 CSS pixels wide. */
const SIDE = 88;
/** The oldest goes where there would be more. */
const MOST = 100;

function createPreviews(): Previews {
  const pictures = new Map<string, ImageBitmap | null>();
  const listeners = new Set<() => void>();
  let last = Promise.resolve();

  async function make(file: File, key: string): Promise<void> {
    const picture = await frameOf(file, SIDE);
    if (picture === null) return;
    pictures.set(key, picture);
    for (const listener of listeners) listener();
  }

  return {
    of: (file) => pictures.get(keyOf(file)) ?? null,
    want(file) {
      const key = keyOf(file);
      if (pictures.has(key)) return;
      pictures.set(key, null);
      const [oldest] = pictures.keys();
      if (pictures.size > MOST && oldest !== undefined) pictures.delete(oldest);
      last = last.then(() => make(file, key));
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function keyOf({ name, size }: PreviewedFile): string {
  return `${size} ${name}`;
}

export const previews = createPreviews();
