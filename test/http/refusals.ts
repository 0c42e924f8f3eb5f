import assert from 'node:assert/strict';
import { P, type TestApp } from '../helpers/app.ts';

/** All that a request could change: the quota, the sessions, the files. */
export async function everything(app: TestApp): Promise<object> {
  const [quota, sessions, files] = await Promise.all([
    app.call(`${P}/quota`),
    app.call(`${P}/sessions?limit=500`),
    app.files(),
  ]);
  assert.equal(quota.status, 200);
  assert.equal(sessions.status, 200);
  return { quota: quota.body, sessions: sessions.body, files };
}

/** A problem as the contract has it, that shows nothing internal. */
export function assertProblem(
  name: string,
  body: Record<string, unknown>,
  expected: { readonly status: number; readonly code: string },
): void {
  assert.equal(body.error_code, expected.code, name);
  assert.equal(body.status, expected.status, name);
  assert.equal(body.detail, body.error_message, name);
  assert.match(String(body.timestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, name);
  for (const member of ['type', 'title', 'instance', 'details'])
    assert.ok(member in body, `${name}: ${member}`);
  assert.doesNotMatch(JSON.stringify(body), /node_modules|\.ts:|at \w+ \(|127\.0\.0\.1|SQLITE/, name);
}
