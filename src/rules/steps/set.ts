/** `set`: columns made by expressions. */
import { quoted } from '../../lib/printable.ts';
import type { CompiledExpression } from '../expression/compile.ts';
import { columnTypeOf } from '../expression/types.ts';
import { dependencies, type StageColumn } from '../stage.ts';
import { columnMap } from './arguments.ts';
import type { Step, StepUse } from './step.ts';

const EXAMPLE = 'set: { gross: price * 1.19, status: lower(status) }';
/** More digits than a number of YAML can be trusted with. */
const SAFE_DIGITS = 15;

export const set: Step = {
  verb: 'set',
  summary:
    'Adds columns or replaces their values. All expressions of one step see the row as it was before it. A table that has none of the columns an expression names is not affected. Key columns cannot be set.',
  example: EXAMPLE,
  apply(use) {
    const made = columnMap(use, EXAMPLE).flatMap(([name, value]) => columnOf(use, name, value) ?? []);
    const { stage } = use;
    for (const column of made) {
      const place = stage.columns.findIndex(({ name }) => name === column.name);
      if (place < 0) stage.columns.push(column);
      else stage.columns[place] = column;
    }
  },
};

function columnOf(use: StepUse, name: string, value: unknown): StageColumn | null {
  const text = expressionText(value);
  if (text === null || name === '') {
    const fix =
      typeof value === 'number'
        ? 'write the number in quotes: YAML does not keep all its digits'
        : `for example ${EXAMPLE}`;
    use.problem('step-argument', 'an expression must stand here', { at: [name], fix });
    return null;
  }
  const compiled = use.expressionIfAbout(text, [name]);
  if (compiled !== null) use.judgeUnsent(compiled, 'mixed', [name]);
  const replaced = use.stage.isOpen ? undefined : use.stage.column(name);
  if (replaced?.keyOrdinal !== undefined) {
    const message = `rows are identified by ${quoted(name)}: it cannot be set`;
    use.problem('key-column', message, { at: [name], onKey: true, fix: 'set a column of another name' });
    return null;
  }
  return compiled === null ? null : computed(use, name, compiled);
}

/** Plain YAML values are expressions too: `5`, `true`, `null`. Null: not one. */
function expressionText(value: unknown): string | null {
  if (typeof value === 'string') return value.trim() === '' ? null : value;
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value !== 'number' || !Number.isFinite(value)) return null;
  const text = String(value);
  return text.replace(/e.*$/, '').replace(/\D/g, '').length > SAFE_DIGITS ? null : text;
}

function computed(use: StepUse, name: string, compiled: CompiledExpression): StageColumn | null {
  const { bound, node } = compiled;
  if (bound === null) return null;
  const { stage } = use;
  // A column as it is: nothing is read or written anew.
  if (node?.kind === 'column' && !node.before) return { ...stage.column(node.name)!, name, keyOrdinal: undefined };
  const { type, run, nullable } = bound;
  const label = use.label(name);
  const computation = { run, label, ...dependencies(compiled) };
  const column = stage.computed({ name, nullable, keyOrdinal: undefined }, columnTypeOf(type), computation);
  stage.instructions.push({ kind: 'compute', register: ~column.slot, label });
  return type.kind === 'unresolved' ? { ...column, is: null, type } : column;
}
