import type { SluiceApiError } from '@sluice/client';
import type { UseUpload } from '@sluice/client/react';
import { useEffect, useRef } from 'react';

/**
 * Gives back what lets uploads that wait after a failure try again at once. It happens by itself when the service
 * answers again: their own pauses have grown long by then.
 */
export function useTryNow(list: UseUpload, fault: SluiceApiError | null): () => void {
  const tryNow = () => {
    for (const { id, retry } of list.uploads) {
      if (retry?.reason !== 'retry') continue;
      list.pause(id);
      list.resume(id);
    }
  };
  const latest = useRef(tryNow);
  latest.current = tryNow;
  const wasDown = useRef(false);

  useEffect(() => {
    if (fault === null && wasDown.current) latest.current();
    wasDown.current = fault !== null;
  }, [fault]);

  return tryNow;
}
