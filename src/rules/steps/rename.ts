/** `rename`: other names for columns. */
import { quoted } from '../../lib/printable.ts';
import { columnMap } from './arguments.ts';
import type { Step } from './step.ts';

const EXAMPLE = 'rename: { id: order_id, state: status }';

export const rename: Step = {
  verb: 'rename',
  summary: 'Gives columns other names, old: new. A key column takes its name into the key.',
  example: EXAMPLE,
  apply(use) {
    const { stage } = use;
    const renamed = new Map<string, string>();
    for (const [old, name] of columnMap(use, EXAMPLE)) {
      if (typeof name !== 'string' || name === '') {
        use.problem('step-argument', 'the new name must stand here', { at: [old] });
      } else if (use.column(old, { at: [old], onKey: true }) !== undefined) renamed.set(old, name);
    }
    const taken = new Set(stage.columns.filter(({ name }) => !renamed.has(name)).map(({ name }) => name));
    for (const [old, name] of renamed) {
      if (taken.has(name)) {
        use.problem('duplicate-column', `there would be two columns ${quoted(name)}`, { at: [old] });
        renamed.delete(old);
      }
      taken.add(name);
    }
    stage.columns = stage.columns.map((column) => ({ ...column, name: renamed.get(column.name) ?? column.name }));
    for (const [old, name] of renamed) stage.forget(old, `was renamed to ${quoted(name)} by an earlier step`);
  },
};
