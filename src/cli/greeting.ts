import { fileURLToPath } from 'node:url';

/** What the embedded profile prints once it listens: everything to upload a first video, ready to paste. */

/** The developer whom the printed token names. */
export const DEVELOPER = '00000000-0000-4000-8000-000000000001';

/** How long the printed token is good, in seconds. */
export const DEVELOPER_TTL = 12 * 3600;

const SAMPLE = fileURLToPath(new URL('../../test/fixtures/sample.mp4', import.meta.url));

const FIRST_REQUEST = JSON.stringify({
  dashboard_context: { source_section: 'video_analysis', workflow_type: 'single_upload' },
  file_format: 'mp4',
});

export function greeting(at: {
  readonly url: string;
  readonly token: string;
  readonly kept: string;
}): string {
  return `
Sluice listens on ${at.url}   (the API to read and try: ${at.url}/docs)
${at.kept}

Open this in a browser to upload:

  ${at.url}/#token=${at.token}

Development token, good for 12 hours, of user ${DEVELOPER}:

${at.token}

Upload a first video. Paste this into another shell to get a session:

UPLOAD_URL=$(curl -sS -X POST ${at.url}/v1/dashboard/upload/initiate \\
  -H 'Authorization: Bearer ${at.token}' \\
  -H 'Content-Type: application/json' \\
  -d '${FIRST_REQUEST}' \\
  | sed -n 's/.*"upload_url":"\\([^"]*\\)".*/\\1/p')

Then this to send the file to it:

curl -sS -T ${shellQuoted(SAMPLE)} "$UPLOAD_URL"; echo

A token for administrators: npm run sluice -- token --user ${DEVELOPER} --permissions manage_quota,validate_sessions
Stop with Ctrl-C.
`;
}

/** One word for a POSIX shell. */
function shellQuoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
