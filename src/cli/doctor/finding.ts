/** One thing that was looked at. */
export interface Finding {
  readonly check: string;
  /** False where the service cannot work like this. */
  readonly ok: boolean;
  /** `advice`: it works, and would work better otherwise. */
  readonly level: 'ok' | 'advice' | 'bad';
  readonly message: string;
  /** What to do; wherever the level is not `ok`. */
  readonly advice?: string;
}

export function well(check: string, message: string): Finding {
  return { check, ok: true, level: 'ok', message };
}

export function advise(check: string, message: string, advice: string): Finding {
  return { check, ok: true, level: 'advice', message, advice };
}

export function bad(check: string, message: string, advice: string): Finding {
  return { check, ok: false, level: 'bad', message, advice };
}

/** The error's own words, and those of its cause, which is where stores put the true reason. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const reason = error instanceof Error ? error.message : String(error);
  return cause instanceof Error ? `${reason} (${cause.message})` : reason;
}
