import type { SessionStatus, UploadSnapshot } from '@sluice/client';
import type { UseUpload } from '@sluice/client/react';
import { useLanguage } from '../language/language.ts';
import { Button } from '../parts/button.tsx';
import { Panel } from '../parts/panel.tsx';
import { UploadRow } from './upload-row.tsx';

export interface UploadListProps {
  readonly list: UseUpload;
  readonly sessions: readonly SessionStatus[];
  readonly onChoose: () => void;
}

const OVER = new Set(['done', 'failed', 'expired', 'cancelled']);

/** The uploads that were started on this page. */
export function UploadList({ list, sessions, onChoose }: UploadListProps) {
  const { words } = useLanguage();
  const { uploads } = list;
  if (uploads.length === 0) return null;
  const running = uploads.filter(({ state }) => !OVER.has(state));
  const moving = running.filter(({ state }) => state !== 'paused');
  const over = uploads.filter(({ state }) => state === 'done' || state === 'cancelled');
  return (
    <Panel
      title={words.uploads.title}
      name="uploads"
      actions={
        <>
          {running.length > 1 && (
            <Button
              look="quiet"
              onPress={() => {
                const act = moving.length > 0 ? list.pause : list.resume;
                for (const { id } of running) act(id);
              }}
            >
              {moving.length > 0 ? words.uploads.pauseAll : words.uploads.resumeAll}
            </Button>
          )}
          {over.length > 0 && (
            <Button
              look="quiet"
              onPress={() => {
                for (const { id } of over) list.remove(id);
              }}
            >
              {words.uploads.clearEnded}
            </Button>
          )}
        </>
      }
    >
      <ul className="rows">
        {uploads.map((upload) => (
          <UploadRow
            key={upload.id}
            upload={upload}
            expiresAt={expiryOf(upload, sessions)}
            onPause={() => list.pause(upload.id)}
            onResume={() => list.resume(upload.id)}
            onRetry={() => list.retry(upload.id)}
            onCancel={() => void list.cancel(upload.id).catch(() => {})}
            onRemove={() => list.remove(upload.id)}
            onChoose={() => {
              list.remove(upload.id);
              onChoose();
            }}
          />
        ))}
      </ul>
    </Panel>
  );
}

/** Every stored byte moves it, so the later word of the two is the true one. */
function expiryOf({ session }: UploadSnapshot, sessions: readonly SessionStatus[]): string | null {
  if (session === null) return null;
  const listed = sessions.find(({ session_id }) => session_id === session.sessionId);
  // Times of RFC 3339 in UTC sort as text.
  return [session.expiresAt, listed?.expires_at ?? ''].sort().at(-1) ?? null;
}
