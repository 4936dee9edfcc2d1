/** What an expression may cost, so that one from a file cannot exhaust the process. */

/** Characters of one expression. */
export const MAX_LENGTH = 10_000;
/** Columns, literals, operators and calls of one expression. */
export const MAX_NODES = 1_000;
/** Parentheses, calls and operators within each other. */
export const MAX_DEPTH = 100;
