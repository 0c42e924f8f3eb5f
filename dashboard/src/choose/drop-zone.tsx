import { useLanguage } from '../language/language.ts';
import { Button } from '../parts/button.tsx';
import { Panel } from '../parts/panel.tsx';
import type { ServiceLimits } from '../service-limits.ts';
import { acceptedEndings } from './accept.ts';
import { pickFiles } from './file-picker.ts';
import { useDrop } from './use-drop.ts';

export interface DropZoneProps {
  readonly limits: ServiceLimits;
  /** Steps back where something is chosen already: the next step is elsewhere. */
  readonly small: boolean;
  /** Should stay the same function. */
  readonly onFiles: (files: readonly File[]) => void;
}

export function DropZone({ limits, small, onFiles }: DropZoneProps) {
  const { words, format } = useLanguage();
  const over = useDrop(onFiles);
  const { allowedFormats, maxFileSize } = limits;
  const formats = allowedFormats === '*' ? words.choose.anyFormat : allowedFormats.join(', ').toUpperCase();
  const pick = async (folder: boolean) => {
    const files = await pickFiles(folder ? { folder } : { accept: acceptedEndings(limits) });
    if (files.length > 0) onFiles(files);
  };
  return (
    <Panel title={words.choose.title} name={`drop ${over ? 'over' : ''} ${small ? 'small-drop' : ''}`}>
      <div className="target">
        <svg className="arrow" viewBox="0 0 24 24" aria-hidden="true">
          <path d="M12 16V4m-5 5 5-5 5 5M4 15v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3" />
        </svg>
        <p className="big">{over ? words.choose.dropNow : words.choose.drop}</p>
        <p className="dim">{words.choose.or}</p>
        <div className="actions">
          <Button look={small ? 'plain' : 'primary'} onPress={() => void pick(false)}>
            {words.choose.files}
          </Button>
          <Button onPress={() => void pick(true)}>{words.choose.folder}</Button>
        </div>
        <p className="dim small">
          {Number.isFinite(maxFileSize) ? words.choose.accepted(formats, format.size(maxFileSize)) : formats}
        </p>
      </div>
    </Panel>
  );
}
