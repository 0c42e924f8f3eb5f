import { useCallback, useSyncExternalStore } from 'react';
import { previews } from '../preview/previews.ts';

export interface FileTileProps {
  readonly name: string;
  /** Bytes; with it the tile shows the picture of a file that was chosen on this page. */
  readonly size?: number;
  readonly format?: string | null;
}

/** A small square with a picture out of the video, or with its format: says at a glance what a row is about. */
export function FileTile({ name, size = -1, format }: FileTileProps) {
  const picture = useSyncExternalStore(previews.subscribe, () => previews.of({ name, size }));
  const draw = useCallback(
    (canvas: HTMLCanvasElement | null) => {
      if (canvas && picture) canvas.getContext('2d')?.drawImage(picture, 0, 0);
    },
    [picture],
  );
  const dot = name.lastIndexOf('.');
  const label = format ?? (dot > 0 ? name.slice(dot + 1) : '');
  return (
    <span className="tile" aria-hidden="true">
      {picture ? (
        <canvas ref={draw} width={picture.width} height={picture.height} />
      ) : (
        label.slice(0, 4).toUpperCase() || '–'
      )}
    </span>
  );
}
