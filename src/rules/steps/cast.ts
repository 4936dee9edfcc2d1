/** `cast`: columns of another type. */

import { quoted } from '../../lib/printable.ts';
import type { Bound } from '../expression/bound.ts';
import { strict1 } from '../expression/bound.ts';
import { exactCastTo } from '../expression/conversion.ts';
import { isProblem, typeOfText } from '../expression/type-names.ts';
import { columnTypeOf, nameOf, type Type } from '../expression/types.ts';
import type { StageColumn } from '../stage.ts';
import { columnMap } from './arguments.ts';
import type { Step, StepUse } from './step.ts';

const EXAMPLE = 'cast: { status: int, time: timestamp }';

export const cast: Step = {
  verb: 'cast',
  summary:
    'Changes the type of columns without changing a value: what would be rounded or cut, or is no value of the type, is refused.',
  example: EXAMPLE,
  apply(use) {
    const { stage } = use;
    for (const [name, config] of columnMap(use, EXAMPLE)) {
      const type = targetType(use, name, config);
      const column = use.column(name, { at: [name], onKey: true });
      if (type === null || column === undefined) continue;
      const converted = castColumn(use, column, type);
      if (converted !== null) stage.columns[stage.columns.indexOf(column)] = converted;
    }
  },
};

function targetType(use: StepUse, name: string, config: unknown): Type | null {
  if (typeof config !== 'string' || config.trim() === '') {
    use.problem('step-argument', 'a type must stand here', { at: [name], fix: `for example ${EXAMPLE}` });
    return null;
  }
  const found = typeOfText(config);
  if (!isProblem(found)) return found;
  const { code, message, offset, length, fix } = found;
  use.stage.problems.push({
    level: 'error',
    code,
    message,
    path: use.pathOf([name]),
    offset,
    length,
    ...(fix !== undefined && { fix }),
  });
  return null;
}

function castColumn(use: StepUse, column: StageColumn, type: Type): StageColumn | null {
  const { name, nullable, keyOrdinal, is } = column;
  if (is === null) return { ...column, type, is: columnTypeOf(type) };
  if (is.kind === type.kind && is.native === type.native) return column;
  const convert = exactCastTo(column.type, type);
  if (convert === null) {
    const message = `column ${quoted(name)} is ${nameOf(column.type)}, which cannot be cast to ${type.native}`;
    use.problem('type-mismatch', message, { at: [name] });
    return null;
  }
  if (keyOrdinal !== undefined && !keepsIdentity(column.type, type)) {
    const message = `rows are identified by ${quoted(name)}: as ${type.native}, different rows could become one`;
    use.problem('key-column', message, { at: [name], fix: 'cast a copy made with set' });
    return null;
  }
  const label = use.label(name);
  const { inputs, ofRowOnly, run, type: from } = column;
  const operand: Bound = { type: from, run, constant: false, place: { at: 0, end: 0 }, nullable };
  const computation = { run: strict1(operand, convert), label, inputs, ofRowOnly };
  const made = use.stage.computed({ name, nullable, keyOrdinal }, columnTypeOf(type), computation);
  use.stage.instructions.push({ kind: 'compute', register: ~made.slot, label });
  return made;
}

const WHOLE = ['int16', 'int32', 'int64'];
const WITH_ONE_TEXT = [...WHOLE, 'bool', 'date', 'timestamp', 'timestamptz', 'time', 'uuid', 'enum', 'bytes'];

/** Do different values stay different? `1` and `01` are two texts, but one integer. */
function keepsIdentity(from: Type, to: Type): boolean {
  if (WHOLE.includes(from.kind)) return [...WHOLE, 'decimal'].includes(to.kind) || to.kind === 'text';
  if (from.kind === 'decimal') return WHOLE.includes(to.kind) || to.kind === 'decimal';
  return (
    to.kind === 'text' && (WITH_ONE_TEXT.includes(from.kind) || (from.kind === 'text' && !from.padded && !to.padded))
  );
}
