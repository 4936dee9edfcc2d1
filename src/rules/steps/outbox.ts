/** `outbox`: inserted rows as messages of topics that they name. What runs is outbox-transform.ts. */
import type { StepSource } from '../../contracts/rules.ts';
import { quoted } from '../../lib/printable.ts';
import { Stage } from '../stage.ts';
import { isNamed } from './arguments.ts';
import { EXAMPLE, namedColumns, type OutboxArguments, outboxArguments } from './outbox-arguments.ts';
import { judgeBeforeLog, type Step, StepUse } from './step.ts';

/** Values of these have no text that could be part of a name. */
const NAMELESS: readonly string[] = ['bytes', 'array', 'json', 'composite', 'geometry', 'vector', 'range'];

export const outbox: Step = {
  verb: 'outbox',
  summary:
    'Makes a message of each row that is inserted into a table (the transactional outbox pattern), also of those that stand there at the first start. `topic`: its name behind that of the source and a dot, columns in braces; at most 1000 topics of a source. `key` (default: none), `value`, `headers` (a list of columns, or a map from header to column): the values of these columns as they are, JSON byte for byte, `bytea` as bytes, everything else as text; NULL is a record without key or value. The header `id` holds the column `id`, or that of `id:`, for those who must do a thing only once. Messages become durable with the transaction that wrote them, and in its order. `table`: the table, or several; without it all of the source. Rows that are deleted say nothing; updates are left out, with a warning. The rows themselves are nowhere in the log, no step may come after it for them, and `tailrace verify` leaves the table out. Only under the source.',
  example: EXAMPLE,
  apply(use) {
    judgeBeforeLog(use, 'outbox works before the log only: behind it there are no messages to be made');
    const given = outboxArguments(use);
    if (given === null) return;
    const { stage } = use;
    if (!isNamed(given.tables, stage.name)) {
      const names = given.tables!.map((name) => quoted(name)).join(', ');
      use.elsewhere('unknown-table', `no table of the source is ${names}`, { at: ['table'] });
      return;
    }
    for (const { name, at } of namedColumns(use, given)) {
      const column = stage.column(name);
      if (column === undefined) use.missing(name, { at, ...(at.length === 0 && { fix: 'name the column with id:' }) });
      else if (at[0] === 'topic' && NAMELESS.includes(column.type.kind)) {
        use.problem('type-mismatch', `the values of ${quoted(name)} cannot be part of a name`, { at });
      }
    }
    if (!stage.isOpen) stage.isEnded = true;
  },
};

/** What a step that has no problem says. */
export function outboxOf(step: StepSource): OutboxArguments {
  return outboxArguments(new StepUse(step, Stage.unknown(), undefined))!;
}

/** Whether the step is for the table, `schema.table`. */
export function isOutboxOf(step: StepSource, table: string): boolean {
  return step.verb === outbox.verb && isNamed(outboxOf(step).tables, table);
}
