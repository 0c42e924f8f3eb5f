/** The calls a dashboard makes, each with what the demo expects of the answer. */

interface DemoSession {
  readonly session_id: string;
  readonly upload_url: string;
  readonly session_expires_at: string;
  readonly remaining_quota: number;
}

interface DemoQuota {
  readonly quota_limit: number;
  readonly quota_used: number;
  readonly quota_remaining: number;
}

interface SessionStatus {
  readonly status: string;
  readonly user_id: string;
  readonly sha256: string | null;
  readonly upload_offset: number;
}

interface Validation {
  readonly is_valid: boolean;
  readonly is_owner: boolean;
  readonly session_status: SessionStatus | null;
}

export interface Dashboard {
  initiate(file: { name: string; format: string; size: number }): Promise<DemoSession>;
  quota(): Promise<DemoQuota>;
  status(sessionId: string): Promise<SessionStatus>;
  validate(sessionId: string, userId: string): Promise<Validation>;
}

/** `token`: an access token of the user whose dashboard this is. */
export function createDashboard(baseUrl: string, token: string): Dashboard {
  const call = async <T>(method: string, path: string, expected: number, body?: object): Promise<T> => {
    const response = await fetch(new URL(`/v1/dashboard/upload/${path}`, baseUrl), {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    if (response.status !== expected) {
      throw new Error(`${method} ${path} answered ${response.status} instead of ${expected}: ${text}`);
    }
    return JSON.parse(text) as T;
  };

  return {
    initiate: ({ name, format, size }) =>
      call('POST', 'initiate', 201, {
        dashboard_context: { source_section: 'demo', workflow_type: 'single_upload' },
        expected_file_size: size,
        file_format: format,
        filename: name,
      }),
    quota: () => call('GET', 'quota', 200),
    status: (sessionId) => call('GET', `sessions/${sessionId}`, 200),
    validate: (sessionId, userId) =>
      call('POST', 'validate', 200, { session_id: sessionId, user_id: userId }),
  };
}
