/** Short waits: what is back after an outage is at work again within two seconds, and a retry costs one connection. */
const DEFAULTS = { baseMs: 100, capMs: 1_000 };

/**
 * Exponential backoff with jitter: the n-th wait (n from 0) is uniform in [half, whole] of min(cap, base × 2^n), ms.
 * `random` is uniform in [0, 1).
 */
export function backoffMs(attempt: number, random: () => number, options = DEFAULTS): number {
  const whole = Math.min(options.capMs, options.baseMs * 2 ** Math.min(attempt, 30));
  return Math.round(whole / 2 + (whole / 2) * random());
}
