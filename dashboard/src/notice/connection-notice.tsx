import type { SluiceApiError, UploadSnapshot } from '@sluice/client';
import { useLanguage } from '../language/language.ts';
import { Button } from '../parts/button.tsx';
import { useOnline } from '../parts/use-online.ts';

export interface ConnectionNoticeProps {
  readonly fault: SluiceApiError | null;
  readonly uploads: readonly UploadSnapshot[];
  readonly onTryNow: () => void;
}

/** Offline, or the service is gone: said once, at the top, and not by every row alone. */
export function ConnectionNotice({ fault, uploads, onTryNow }: ConnectionNoticeProps) {
  const { words } = useLanguage();
  const online = useOnline();
  const waiting = uploads.find(({ retry }) => retry?.reason === 'retry')?.retry?.error ?? null;
  const trouble = fault ?? waiting;
  return (
    <div role="status" className="connection">
      {content()}
    </div>
  );

  function content() {
    if (!online) return <Notice title={words.notice.offline} next={words.notice.offlineNext} />;
    if (trouble === null || trouble.code === 'UNAUTHENTICATED') return null;
    if (trouble.code === 'NETWORK_ERROR' || trouble.code === 'UNEXPECTED_RESPONSE') {
      return (
        <Notice title={words.notice.unreachable} next={words.notice.unreachableNext}>
          <Button onPress={onTryNow}>{words.notice.tryNow}</Button>
        </Notice>
      );
    }
    return (
      <Notice title={words.notice.failed} next={words.problems[trouble.code] ?? trouble.message}>
        <Button onPress={onTryNow}>{words.notice.tryNow}</Button>
      </Notice>
    );
  }
}

interface NoticeProps {
  readonly title: string;
  readonly next: string;
  readonly children?: React.ReactNode;
}

function Notice({ title, next, children }: NoticeProps) {
  return (
    <div className="note warn notice">
      <p>
        <strong>{title}</strong> {next}
      </p>
      {children}
    </div>
  );
}
