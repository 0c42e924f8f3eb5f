/** What happened and what to do, by `error_code`. Codes that are not here speak with the service's own sentence. */
export const englishProblems: Readonly<Record<string, string>> = {
  QUOTA_EXCEEDED: 'Your quota is full. Cancel an unfinished upload or wait for the reset, then try again.',
  SESSION_LIMIT_EXCEEDED: 'Too many uploads are unfinished. Finish or cancel one, then try again.',
  SESSION_EXPIRED: 'The session has ended because nothing was sent for too long. Start again with this file.',
  SESSION_NOT_FOUND: 'The service no longer knows this upload. Start again with this file.',
  FILE_TOO_LARGE: 'The file is larger than the service takes. Choose a smaller one.',
  UNSUPPORTED_FORMAT: 'The file is not a video the service takes, whatever its name says.',
  DIGEST_MISMATCH: 'The file did not arrive as it is on your disk. Upload it again.',
  INFECTED: 'The service found malware in this file and deleted it. Choose another one.',
  UNAUTHENTICATED: 'Your sign-in has expired. Sign in again, then try again.',
  PERMISSION_DENIED: 'Your account may not upload. Ask whoever gave you access.',
  RATE_LIMITED: 'Too many requests in a short time. Wait a moment, then try again.',
  REDIS_CONNECTION_ERROR: 'The service is not well at the moment. What was sent is kept; try again soon.',
  LEDGER_UNAVAILABLE: 'The service is not well at the moment. What was sent is kept; try again soon.',
  STORAGE_UNAVAILABLE: 'The storage cannot be reached. What was sent is kept; try again soon.',
  STORAGE_FULL: 'The storage is full. Tell whoever runs the service, then try again.',
  NETWORK_ERROR:
    'The service cannot be reached. Check the connection, then try again: it goes on where it stopped.',
  FILE_UNREADABLE: 'The file can no longer be read. It may have changed or moved: choose it again.',
  WRONG_FILE: 'This is not the file that the upload was begun with. Choose the right one.',
  UPLOAD_IN_USE: 'This upload goes on in another tab or on another device.',
  UPLOAD_CANCELLED: 'Cancelled. What was sent is deleted.',
};
