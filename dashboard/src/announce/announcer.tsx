import type { UploadSnapshot } from '@sluice/client';
import { useEffect, useRef, useState } from 'react';
import { useLanguage } from '../language/language.ts';

const STEP = 0.25;

interface Heard {
  readonly state: UploadSnapshot['state'];
  readonly step: number;
}

/** Tells assistive technology of progress in quarters, politely, and of failures at once. */
export function Announcer({ uploads }: { readonly uploads: readonly UploadSnapshot[] }) {
  const { words, format } = useLanguage();
  const heard = useRef(new Map<string, Heard>());
  const [polite, setPolite] = useState('');
  const [urgent, setUrgent] = useState('');

  useEffect(() => {
    const calm: string[] = [];
    const alarm: string[] = [];
    for (const upload of uploads) {
      const { id, state, filename, bytesUploaded, bytesTotal, error } = upload;
      const before = heard.current.get(id);
      const step = bytesTotal === 0 ? 0 : Math.floor(bytesUploaded / bytesTotal / STEP);
      heard.current.set(id, { state, step });
      if (state !== before?.state && (state === 'failed' || state === 'expired')) {
        const why = error ? (words.problems[error.code] ?? error.message) : '';
        alarm.push(`${words.say.state(filename, words.uploads.states[state])}. ${why}`);
      } else if (state !== before?.state && (state === 'done' || state === 'paused')) {
        calm.push(words.say.state(filename, words.uploads.states[state]));
      } else if (state === 'uploading' && before && step > before.step) {
        calm.push(words.say.progress(filename, format.percent(step * STEP)));
      }
    }
    if (calm.length > 0) setPolite(calm.join('. '));
    if (alarm.length > 0) setUrgent(alarm.join(' '));
  }, [uploads, words, format]);

  return (
    <>
      <div className="unseen" role="status" data-announcer="polite">
        {polite}
      </div>
      <div className="unseen" role="alert" data-announcer="assertive">
        {urgent}
      </div>
    </>
  );
}
