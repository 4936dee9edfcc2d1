import type { SinkPlan } from '../contracts/plan.ts';

/** Does the sink take the table (`schema.table`)? Its `from:` names tables with or without their schema; null is all. */
export function sinkTakes({ from }: Pick<SinkPlan, 'from'>, table: string): boolean {
  return from === null || from.includes(table) || from.includes(table.slice(table.indexOf('.') + 1));
}
