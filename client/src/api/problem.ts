import { SluiceApiError } from '../errors.ts';

/** What the two transports (fetch and tus) have in common about an answer. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  header(name: string): string | null;
}

/** The error that a refusal stands for: the problem of RFC 9457 in its body, or what can be said without one. */
export function errorFromAnswer(answer: Answer): SluiceApiError {
  const problem = parseObject(answer.body);
  const options = {
    status: answer.status,
    retryAfterSeconds: retryAfterSeconds(answer.header('Retry-After')),
  };
  const code = problem?.error_code;
  if (typeof code !== 'string') {
    return new SluiceApiError(
      'UNEXPECTED_RESPONSE',
      `The service answered ${answer.status} without saying why: check its address.`,
      options,
    );
  }
  const message = typeof problem?.error_message === 'string' ? problem.error_message : code;
  return new SluiceApiError(code, message, { ...options, details: objectOrEmpty(problem?.details) });
}

/** RFC 9110, section 10.2.3: seconds, or a date. */
export function retryAfterSeconds(value: string | null, now = Date.now()): number | null {
  if (value === null || value.trim() === '') return null;
  if (/^\s*\d+\s*$/.test(value)) return Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, Math.ceil((date - now) / 1000));
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function objectOrEmpty(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
