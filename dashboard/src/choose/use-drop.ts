import { useEffect, useState } from 'react';
import { filesOf } from './dropped-files.ts';

/** Files that are dropped anywhere on the page, or pasted. Gives back whether some are being held over it. */
export function useDrop(onFiles: (files: readonly File[]) => void): boolean {
  const [over, setOver] = useState(false);

  useEffect(() => {
    const gone = new AbortController();
    const { signal } = gone;
    const take = (data: DataTransfer | null) => data && void filesOf(data).then(onFiles);
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;

    document.addEventListener(
      'dragover',
      (event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        setOver(true);
      },
      { signal },
    );
    document.addEventListener('dragleave', (event) => event.relatedTarget === null && setOver(false), {
      signal,
    });
    document.addEventListener(
      'drop',
      (event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer);
      },
      { signal },
    );
    document.addEventListener(
      'paste',
      (event) => {
        if (event.clipboardData?.files.length) take(event.clipboardData);
      },
      { signal },
    );
    return () => gone.abort();
  }, [onFiles]);

  return over;
}
