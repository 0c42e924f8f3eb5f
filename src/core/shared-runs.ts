/**
 * One run at a time, for all who ask: whoever comes while one is under way shares the next one. A run that has begun
 * may know nothing of what was done since; the one after it serves all who wait for it. So forcing something to the
 * disk is not queued for as often as somebody wants it. A run that fails, fails for all who share it.
 */
export function shareRuns(run: () => Promise<void>): () => Promise<void> {
  let underWay: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  function begin(): Promise<void> {
    const begun = run().finally(() => {
      if (underWay === begun) underWay = null;
    });
    underWay = begun;
    return begun;
  }

  return () => {
    if (underWay === null) return begin();
    next ??= underWay
      .catch(() => {})
      .then(() => {
        next = null;
        return begin();
      });
    return next;
  };
}
