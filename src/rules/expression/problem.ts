/** Something wrong at a place of an expression. */
import type { Span } from './ast.ts';

export interface ExpressionProblem {
  readonly code: string;
  readonly message: string;
  readonly offset: number;
  readonly length: number;
  readonly fix?: string;
  /** Set for a column that the table lacks. */
  readonly absent?: string;
}

export function problemAt(
  { at, end }: Span,
  code: string,
  message: string,
  more: { readonly fix?: string | undefined; readonly absent?: string } = {},
): ExpressionProblem {
  const { fix, absent } = more;
  return {
    code,
    message,
    offset: at,
    length: Math.max(1, end - at),
    ...(fix !== undefined && { fix }),
    ...(absent !== undefined && { absent }),
  };
}

/** The first thing wrong with the text; nothing after it can be understood. */
export class SyntaxProblem extends Error {
  readonly problem: ExpressionProblem;

  constructor(problem: ExpressionProblem) {
    super(problem.message);
    this.problem = problem;
  }
}
