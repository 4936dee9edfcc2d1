/**
 * Exponential backoff with full jitter: the n-th wait (n from 0) is uniform in [half, whole] of min(cap, base × 2^n), ms.
 * `random` is uniform in [0, 1).
 */
export function backoffMs(attempt: number, random: () => number, options = { baseMs: 200, capMs: 30_000 }): number {
  const whole = Math.min(options.capMs, options.baseMs * 2 ** Math.min(attempt, 30));
  return Math.round(whole / 2 + (whole / 2) * random());
}
