/** Text of an expression to the closure that computes it. */

import type { Node } from './ast.ts';
import { Binder } from './binder.ts';
import type { Bound } from './bound.ts';
import { parseExpression } from './parser.ts';
import type { ExpressionProblem } from './problem.ts';
import type { ExpressionScope, ScopeColumn } from './scope.ts';

export interface CompiledExpression {
  /** Null when the text is not understood; with problems of other kinds it must not be run. */
  readonly bound: Bound | null;
  readonly node: Node | null;
  readonly problems: readonly ExpressionProblem[];
  readonly columns: ReadonlySet<ScopeColumn>;
  /** It looks at the old row. */
  readonly looksAtOldRow: boolean;
  /** It looks at what is particular to the event, `$op` and such. */
  readonly looksAtEvent: boolean;
}

export function compileExpression(text: string, scope: ExpressionScope): CompiledExpression {
  const parsed = parseExpression(text);
  if ('code' in parsed) {
    const nothing = { bound: null, node: null, columns: new Set<ScopeColumn>() };
    return { ...nothing, problems: [parsed], looksAtOldRow: false, looksAtEvent: false };
  }
  const binder = new Binder(scope);
  const bound = binder.bind(parsed);
  const { problems, columns, looksAtOldRow, looksAtEvent } = binder;
  return { bound, node: parsed, problems, columns, looksAtOldRow, looksAtEvent };
}
