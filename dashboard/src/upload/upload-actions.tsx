import type { UploadSnapshot } from '@sluice/client';
import { useLanguage } from '../language/language.ts';
import { Button } from '../parts/button.tsx';
import { nextAction } from './next-action.ts';

export interface UploadActionHandlers {
  readonly onPause: () => void;
  readonly onResume: () => void;
  readonly onRetry: () => void;
  readonly onCancel: () => void;
  readonly onRemove: () => void;
  readonly onChoose: () => void;
}

/** At most two buttons: what goes on, and what ends. They keep their places, and so the focus, as states change. */
export function UploadActions({ upload, ...on }: { readonly upload: UploadSnapshot } & UploadActionHandlers) {
  const { words } = useLanguage();
  const { state, filename } = upload;
  const main = mainAction();
  const over = state === 'done' || state === 'failed' || state === 'expired' || state === 'cancelled';
  return (
    <div className="actions">
      {main && (
        <Button key="main" look={main.urgent ? 'primary' : 'plain'} onPress={main.press} of={filename}>
          {main.label}
        </Button>
      )}
      <Button key="end" look="quiet" onPress={over ? on.onRemove : on.onCancel} of={filename}>
        {over ? words.uploads.remove : words.uploads.cancel}
      </Button>
    </div>
  );

  function mainAction(): { label: string; press: () => void; urgent?: boolean } | null {
    if (state === 'paused') return { label: words.uploads.resume, press: on.onResume, urgent: true };
    if (state === 'waiting' || state === 'hashing' || state === 'uploading') {
      return { label: words.uploads.pause, press: on.onPause };
    }
    const next = nextAction(upload);
    if (next === null || state === 'done' || state === 'verifying') return null;
    const label = words.actions[next];
    if (next === 'choose') return { label, press: on.onChoose };
    return { label, press: on.onRetry };
  }
}
