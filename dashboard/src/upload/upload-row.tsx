import type { UploadSnapshot } from '@sluice/client';
import { useLanguage } from '../language/language.ts';
import { FileTile } from '../parts/file-tile.tsx';
import { ProgressBar } from '../parts/progress-bar.tsx';
import { type UploadActionHandlers, UploadActions } from './upload-actions.tsx';
import { UploadFacts } from './upload-facts.tsx';

export interface UploadRowProps extends UploadActionHandlers {
  readonly upload: UploadSnapshot;
  /** RFC 3339; null where nobody knows. */
  readonly expiresAt: string | null;
}

const TONES = {
  waiting: 'still',
  hashing: 'active',
  uploading: 'active',
  paused: 'still',
  verifying: 'active',
  done: 'good',
  failed: 'bad',
  expired: 'bad',
  cancelled: 'still',
} as const;

/** One file on its way, or at its end. */
export function UploadRow({ upload, expiresAt, ...handlers }: UploadRowProps) {
  const { words, format } = useLanguage();
  const { filename, state, bytesTotal } = upload;
  const bytes = state === 'hashing' ? upload.bytesHashed : upload.bytesUploaded;
  const share = bytesTotal === 0 ? 0 : bytes / bytesTotal;
  const ended = state === 'done' || state === 'cancelled';
  return (
    <li className="row upload" data-state={state}>
      <FileTile name={filename} size={bytesTotal} />
      <div className="what">
        <p className="name" dir="auto">
          {filename}
        </p>
        {!ended && (
          <ProgressBar
            share={share}
            tone={upload.retry ? 'still' : TONES[state]}
            label={words.uploads.progressOf(filename)}
            valueText={`${words.uploads.states[state]}, ${format.percent(share)}`}
          />
        )}
        <UploadFacts upload={upload} share={share} expiresAt={expiresAt} />
      </div>
      <UploadActions upload={upload} {...handlers} />
    </li>
  );
}
