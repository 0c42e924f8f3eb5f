/** A command for a shell, and lines that it prints; `…` stands for anything. docs/api.md shows them, a test runs them. */
interface ApiExample {
  readonly command: string;
  readonly prints?: string;
}

const AUTHORIZED = '-H "Authorization: Bearer $TOKEN"';
const JSON_BODY = "-H 'Content-Type: application/json'";
const P = '"$SLUICE/v1/dashboard/upload';

/** By method and path, as OpenAPI spells it. Pasted in the order of the document: later ones use what earlier ones set. */
export const EXAMPLES: ReadonlyMap<string, ApiExample> = new Map([
  [
    'POST /v1/dashboard/upload/initiate',
    {
      command: `SESSION=$(curl -sS -X POST ${P}/initiate" ${AUTHORIZED} ${JSON_BODY} \\
  -H "Idempotency-Key: $(date +%s%N)" \\
  -d '{"dashboard_context": {"source_section": "video_analysis", "workflow_type": "single_upload"},
       "expected_file_size": '"$(wc -c < "$FILE")"', "file_format": "mp4", "filename": "holiday.mp4"}')
echo "$SESSION"
ID=$(echo "$SESSION" | sed -n 's/.*"session_id":"\\([^"]*\\)".*/\\1/p')
UPLOAD_URL=$(echo "$SESSION" | sed -n 's/.*"upload_url":"\\([^"]*\\)".*/\\1/p')`,
      prints:
        '{"session_id":"…","upload_url":"…/v1/uploads/…?token=…","max_file_size":…,"allowed_formats":[…],…',
    },
  ],
  [
    'POST /v1/dashboard/upload/validate',
    {
      command: `USER_ID=$(curl -sS ${AUTHORIZED} ${P}/sessions/$ID" | sed -n 's/.*"user_id":"\\([^"]*\\)".*/\\1/p')
curl -sS -X POST ${P}/validate" ${AUTHORIZED} ${JSON_BODY} \\
  -d "{\\"session_id\\": \\"$ID\\", \\"user_id\\": \\"$USER_ID\\"}"`,
      prints: '{"is_valid":true,"is_owner":true,"session_status":{…},"error_message":null}',
    },
  ],
  [
    'GET /v1/dashboard/upload/sessions',
    {
      command: `curl -sS ${AUTHORIZED} ${P}/sessions?limit=10"`,
      prints: '[{"session_id":"…","user_id":"…","status":"active",…',
    },
  ],
  [
    'GET /v1/dashboard/upload/sessions/{session_id}',
    {
      command: `curl -sS ${AUTHORIZED} ${P}/sessions/$ID"`,
      prints: '{"session_id":"…","user_id":"…","status":"active",…',
    },
  ],
  [
    'DELETE /v1/dashboard/upload/sessions/{session_id}',
    {
      command: `OTHER=$(curl -sS -X POST ${P}/initiate" ${AUTHORIZED} ${JSON_BODY} \\
  -d '{"dashboard_context": {"source_section": "video_analysis", "workflow_type": "single_upload"}, "expected_file_size": 1000}' \\
  | sed -n 's/.*"session_id":"\\([^"]*\\)".*/\\1/p')
curl -sS -i -X DELETE ${AUTHORIZED} ${P}/sessions/$OTHER"`,
      prints: 'HTTP/1.1 204 No Content',
    },
  ],
  [
    'GET /v1/dashboard/upload/events',
    {
      command: `curl -sS -N --max-time 1 ${AUTHORIZED} ${P}/events" || true     # it goes on for as long as it is read`,
    },
  ],
  ['HEAD /v1/uploads/{session_id}', { command: 'curl -sS -I "$UPLOAD_URL"', prints: 'upload-offset: 0' }],
  [
    'PUT /v1/uploads/{session_id}',
    { command: 'curl -sS -T "$FILE" "$UPLOAD_URL"', prints: '{"session_id":"…","status":"completed",…' },
  ],
  [
    'GET /v1/uploads/{session_id}',
    { command: 'curl -sS "$UPLOAD_URL"', prints: '{"session_id":"…","status":"active",…' },
  ],
  [
    'GET /v1/dashboard/upload/quota',
    { command: `curl -sS ${AUTHORIZED} ${P}/quota"`, prints: '{"quota_limit":…,"quota_used":…,…' },
  ],
  [
    'POST /v1/dashboard/upload/cleanup',
    {
      command: `curl -sS -X POST ${AUTHORIZED} ${P}/cleanup"`,
      prints: '{"cleaned_sessions":…,"timestamp":"…Z","message":"…"}',
    },
  ],
  ['GET /v1/dashboard/upload/health', { command: `curl -sS ${P}/health"`, prints: '{"status":"healthy",…' }],
  [
    'GET /v1/admin/users/{user_id}/quota',
    {
      command: `curl -sS ${AUTHORIZED} "$SLUICE/v1/admin/users/$USER_ID/quota"`,
      prints: '{…"quota_limit":…',
    },
  ],
  [
    'PUT /v1/admin/users/{user_id}/quota',
    {
      command: `curl -sS -X PUT ${AUTHORIZED} ${JSON_BODY} "$SLUICE/v1/admin/users/$USER_ID/quota" \\
  -d '{"quota_limit": 53687091200}'`,
      prints: '{…"quota_limit":53687091200,…',
    },
  ],
  ['GET /livez', { command: 'curl -sS -o /dev/null -w \'%{http_code}\\n\' "$SLUICE/livez"', prints: '200' }],
  [
    'GET /readyz',
    { command: 'curl -sS -o /dev/null -w \'%{http_code}\\n\' "$SLUICE/readyz"', prints: '200' },
  ],
  [
    'GET /metrics',
    {
      command: 'curl -sS "$SLUICE/metrics" | grep \'^upload_initiate_total{outcome="accepted"}\'',
      prints: 'upload_initiate_total{outcome="accepted"} …',
    },
  ],
]);
