/** Limits of requests (Invariant 10). */

/** Most entries of a list in a body. */
export const MAX_LIST = 100_000;
