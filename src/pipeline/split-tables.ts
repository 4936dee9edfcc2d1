/** Tables whose rows become several rows each by the steps of a source. */
import { TailraceError } from '../contracts/errors.ts';
import type { SourcePlan } from '../contracts/plan.ts';
import type { Rules, RulesContext } from '../contracts/rules.ts';
import { keyColumns, type TableDescription } from '../contracts/schema.ts';
import type { SnapshotCommand } from '../contracts/upstream.ts';
import { canonicalSchema, schemaIdOf } from '../lib/schema-id.ts';

export interface SplitOptions {
  readonly plan: Pick<SourcePlan, 'name' | 'transform'>;
  readonly rules: Pick<Rules, 'compile'>;
  readonly rulesContext: RulesContext;
}

/** Only what makes several rows of one makes the key longer. */
export function isSplit(output: Pick<TableDescription, 'columns'>, input: Pick<TableDescription, 'columns'>): boolean {
  return keyColumns(output).length > keyColumns(input).length;
}

/**
 * Refuses to read single rows of such a table once more: the delete of a row that is not there says its key alone, and
 * nothing is swept, so that elements that are there no longer would stay in the targets. Throws `source.unsupported`.
 */
export function refuseRowsOfSplit(
  { plan, rules, rulesContext }: SplitOptions,
  command: SnapshotCommand,
  described: readonly TableDescription[],
): void {
  if (command.do !== 'start' || command.rows === undefined) return;
  const { tables } = command;
  for (const table of described) {
    const name = `${table.schema}.${table.table}`;
    if (tables !== null && !tables.includes(name)) continue;
    const schema = { ...table, id: schemaIdOf(canonicalSchema(table)) };
    if (!isSplit(rules.compile(plan.transform, schema, rulesContext).output, table)) continue;
    throw new TailraceError('source.unsupported', `single rows of ${name} cannot be read again: steps split its rows`, {
      remedy: `read the whole table: tailrace snapshot start ${plan.name} ${name}`,
    });
  }
}
