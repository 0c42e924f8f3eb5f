import assert from 'node:assert/strict';
import type { RawAnswer } from '../protocols/raw-http.ts';

/** Where the page comes from that sends every request of the suite. */
export const ORIGIN = 'https://dashboard.example';

/** Headers that every page may read without being told so (the Fetch standard, "CORS-safelisted response-header name"). */
const SAFELISTED = ['cache-control', 'content-length', 'content-type'];
/** What a page's script has no use for: of the connection, or orders to the browser itself. */
const NOT_FOR_SCRIPTS =
  /^(date|connection|keep-alive|vary|transfer-encoding|access-control-.*|content-security-policy|cross-origin-.*|origin-agent-cluster|referrer-policy|strict-transport-security|x-(content-type-options|dns-prefetch-control|download-options|frame-options|permitted-cross-domain-policies|xss-protection))$/;

export interface Asked {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | number>>;
}

/**
 * What holds for every answer, errors included (PROTOCOL.md, "CORS", and "Every answer has Tus-Resumable"): a
 * page can read it, with every header in it, and it speaks the dialect of its request.
 */
export function checkAnswer({ method, headers }: Asked, answer: RawAnswer): void {
  const told = answer.headers;
  const which = `${method} answered ${answer.status}`;
  assert.equal(told['access-control-allow-origin'], ORIGIN, `${which} without Access-Control-Allow-Origin`);
  assert.match(told.vary ?? '', /\borigin\b/i, `${which} without Vary: Origin`);

  const exposed = (told['access-control-expose-headers'] ?? '').toLowerCase().split(/\s*,\s*/);
  const hidden = Object.keys(told).filter(
    (name) => !exposed.includes(name) && !SAFELISTED.includes(name) && !NOT_FOR_SCRIPTS.test(name),
  );
  assert.deepEqual(hidden, [], `${which}: headers that a page's script cannot read`);
  assert.ok(told['x-request-id'], `${which} without X-Request-Id`);

  if ('tus-resumable' in headers)
    assert.equal(told['tus-resumable'], '1.0.0', `${which} without Tus-Resumable`);
  const saysComplete = 'upload-complete' in told || 'upload-incomplete' in told;
  const speaksDraft = 'upload-complete' in headers || 'upload-draft-interop-version' in headers;
  if (speaksDraft && ['POST', 'PUT', 'PATCH'].includes(method)) {
    // The draft, sections 4.2.2 and 4.4.2.
    assert.ok(saysComplete, `${which} without Upload-Complete`);
  }
  if (answer.status >= 400) assertProblem(method, answer);
}

/** RFC 9457, with the members that the dashboard reads. A HEAD has no body to look at. */
function assertProblem(method: string, answer: RawAnswer): void {
  assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/);
  if (method === 'HEAD') return;
  const problem = answer.json();
  assert.equal(problem.status, answer.status);
  for (const member of ['type', 'title', 'detail', 'error_code', 'error_message', 'timestamp']) {
    assert.equal(typeof problem[member], 'string', `${member} of ${answer.text}`);
  }
}
