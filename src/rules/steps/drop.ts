/** `drop`: all columns but these. */
import { quoted } from '../../lib/printable.ts';
import { columnList } from './arguments.ts';
import type { Step } from './step.ts';

const EXAMPLE = 'drop: [internal_notes, password_hash]';

export const drop: Step = {
  verb: 'drop',
  summary:
    'Leaves the named columns out. A table that lacks one of them is not affected. Key columns cannot be dropped.',
  example: EXAMPLE,
  apply(use) {
    const { stage } = use;
    const dropped = columnList(use, EXAMPLE).filter(({ name, at }) => {
      const column = use.column(name, { at });
      if (column?.keyOrdinal !== undefined) {
        const message = `rows are identified by ${quoted(name)}: it cannot be dropped`;
        use.problem('key-column', message, { at, fix: 'write mask: { …: hash } to hide its values' });
        return false;
      }
      return column !== undefined;
    });
    const names = new Set(dropped.map(({ name }) => name));
    for (const name of names) stage.forget(name, 'was dropped by an earlier step');
    stage.columns = stage.columns.filter(({ name }) => !names.has(name));
    if (stage.columns.length === 0 && !stage.isOpen) use.problem('step-argument', 'no column is left');
  },
};
