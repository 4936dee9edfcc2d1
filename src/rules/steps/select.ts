/** `select`: these columns and no others. */
import { quoted } from '../../lib/printable.ts';
import type { StageColumn } from '../stage.ts';
import { columnList } from './arguments.ts';
import type { Step } from './step.ts';

const EXAMPLE = 'select: [id, name]';

export const select: Step = {
  verb: 'select',
  summary: 'Keeps the named columns, in this order. Key columns must be among them.',
  example: EXAMPLE,
  apply(use) {
    const { stage } = use;
    const named = columnList(use, EXAMPLE);
    if (named.length === 0) return;
    const kept = named.flatMap(({ name, at }): StageColumn[] => {
      const column = stage.column(name);
      if (column === undefined) use.missing(name, { at });
      return column === undefined ? [] : [column];
    });
    const left = stage.columns.filter((column) => !kept.includes(column));
    const keys = left.filter(({ keyOrdinal }) => keyOrdinal !== undefined).map(({ name }) => name);
    if (keys.length > 0) {
      const names = keys.map((name) => quoted(name)).join(', ');
      use.problem('key-column', `rows are identified by ${names}, which must be selected`, {
        fix: `add ${keys.join(', ')} to the list`,
      });
    }
    for (const { name } of left) stage.forget(name, 'was not selected by an earlier step');
    stage.close();
    stage.columns = [...kept, ...left.filter(({ keyOrdinal }) => keyOrdinal !== undefined)];
  },
};
