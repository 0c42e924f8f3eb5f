/** As deep as causes are followed. */
const MAX_CAUSES = 5;
const MAX_TEXT = 2000;

/**
 * An error for the log: its kind, message, code, stack and causes, and nothing else. Clients of databases hang
 * the whole failed command on their errors, and with it filenames and contexts of users.
 */
export function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return short(String(error));
  const code: unknown = Reflect.get(error, 'code');
  const described = {
    type: error.name,
    message: short(error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    stack: short(error.stack ?? ''),
  };
  if (error.cause === undefined || depth >= MAX_CAUSES) return described;
  return { ...described, cause: describeError(error.cause, depth + 1) };
}

function short(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
