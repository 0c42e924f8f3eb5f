import type { UploadSnapshot } from '@sluice/client';
import { useLanguage } from '../language/language.ts';
import { useNow } from '../parts/use-now.ts';

export interface UploadFactsProps {
  readonly upload: UploadSnapshot;
  /** Between 0 and 1. */
  readonly share: number;
  readonly expiresAt: string | null;
}

/** State, numbers, and what went wrong, in words. */
export function UploadFacts({ upload, share, expiresAt }: UploadFactsProps) {
  const { words, format } = useLanguage();
  const { state, bytesTotal, bytesPerSecond, secondsLeft } = upload;
  const bytes = state === 'hashing' ? upload.bytesHashed : upload.bytesUploaded;
  const living = state === 'uploading' || state === 'paused' || state === 'waiting';
  const now = useNow(living && (expiresAt !== null || upload.retry !== null));
  const facts =
    state === 'done'
      ? [format.size(bytesTotal), words.uploads.verified]
      : [format.percent(share), words.uploads.sent(format.size(bytes), format.size(bytesTotal))];
  if (bytesPerSecond !== null) facts.push(words.uploads.speed(format.size(bytesPerSecond)));
  if (secondsLeft !== null) facts.push(words.uploads.left(format.duration(secondsLeft)));
  if (living && expiresAt !== null) {
    const seconds = (Date.parse(expiresAt) - now) / 1000;
    facts.push(seconds > 0 ? words.uploads.expiresIn(format.duration(seconds)) : words.uploads.sessionOver);
  }
  return (
    <>
      <p className="facts dim small">
        <span className={`state ${state}`}>{words.uploads.states[state]}</span>
        {facts.map((fact) => (
          <span key={fact}>{fact}</span>
        ))}
      </p>
      <Trouble upload={upload} now={now} />
    </>
  );
}

function Trouble({ upload, now }: { readonly upload: UploadSnapshot; readonly now: number }) {
  const { words, format } = useLanguage();
  const { error, retry, state } = upload;
  if (retry) return <p className="trouble small">{retryWords()}</p>;
  if (error === null || state === 'cancelled') return null;
  return <p className="trouble bad small">{words.problems[error.code] ?? error.message}</p>;

  function retryWords(): string {
    if (retry?.reason === 'offline' || retry?.retryAt == null) return words.uploads.waitsForNetwork;
    const seconds = Math.ceil((retry.retryAt - now) / 1000);
    return seconds > 0 ? words.uploads.retriesIn(format.duration(seconds)) : words.uploads.retriesNow;
  }
}
