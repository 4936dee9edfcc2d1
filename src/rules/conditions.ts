/** What a filter asks, in parts. */
import type { StepSource } from '../contracts/rules.ts';
import type { Node } from './expression/ast.ts';
import { parseExpression } from './expression/parser.ts';
import { filter } from './steps/filter.ts';

/** The conditions that stand beside each other under `and`; a filter that cannot be read has none. */
export function conditions(step: StepSource): readonly StepSource[] {
  const { verb, config } = step;
  if (verb !== filter.verb || typeof config !== 'string') return [];
  const parsed = parseExpression(config);
  if (!('kind' in parsed)) return [];
  return joined(parsed).map(({ at, end }) => ({ ...step, config: config.slice(at, end) }));
}

/** The operands of `and`, also of one within another. */
export function joined(node: Node): readonly Node[] {
  return node.kind === 'and' ? node.operands.flatMap(joined) : [node];
}
