import { useLanguage } from '../language/language.ts';
import { Button } from '../parts/button.tsx';
import type { ServiceLimits } from '../service-limits.ts';
import type { RefusedFile } from './accept.ts';

export interface RefusedListProps {
  readonly files: readonly RefusedFile[];
  readonly limits: ServiceLimits;
  readonly onDismiss: () => void;
}

/** Files that were not added, each with the reason and what would be taken. */
export function RefusedList({ files, limits, onDismiss }: RefusedListProps) {
  const { words, format } = useLanguage();
  if (files.length === 0) return null;

  function why({ reason }: RefusedFile): string {
    if (typeof reason === 'object') return words.refused.notOfSession(reason.notOfSession);
    if (reason === 'format') {
      const { allowedFormats } = limits;
      return words.refused.format(allowedFormats === '*' ? '' : allowedFormats.join(', ').toUpperCase());
    }
    if (reason === 'size') return words.refused.size(format.size(limits.maxFileSize));
    return words.refused[reason];
  }

  return (
    <div className="note bad" role="alert">
      <div className="panel-head">
        <h3>{words.refused.title(files.length)}</h3>
        <Button look="quiet" onPress={onDismiss}>
          {words.refused.dismiss}
        </Button>
      </div>
      <ul>
        {files.map((file, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the list is only ever replaced as a whole.
          <li key={index}>
            <b dir="auto">{file.name}</b> {why(file)}
          </li>
        ))}
      </ul>
    </div>
  );
}
