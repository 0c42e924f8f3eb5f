import type { SessionStatus } from '@sluice/client';

/** Ends a session that no upload of this page holds: by its own address, which needs no sign-in. */
export async function cancelSession({ upload_url: url }: SessionStatus): Promise<void> {
  if (url === null) return;
  await fetch(url, { method: 'DELETE', credentials: 'omit', headers: { 'Tus-Resumable': '1.0.0' } });
}
