/** Columns that a function from outside computes from a row. */
import type { Value } from '../../contracts/row.ts';
import { quoted } from '../../lib/printable.ts';
import { limiter } from '../expression/conversion.ts';
import { columnTypeOf, type Type } from '../expression/types.ts';
import type { RowImage, Run } from '../row-image.ts';
import type { StageColumn } from '../stage.ts';
import type { Cell, Present } from '../values/cell.ts';
import { type CodeFile, type CodeRow, cellOf, computed, NotSentError } from './code-file.ts';
import { rawRun } from './raw-value.ts';
import type { StepUse } from './step.ts';

/** @param reads the columns that the function gets; absent: all */
export function addColumns(use: StepUse, code: CodeFile, reads: readonly StageColumn[] = [...use.stage.columns]): void {
  const { stage } = use;
  for (const column of columnsOf(use, code, reads)) {
    const place = stage.columns.findIndex(({ name }) => name === column.name);
    if (place < 0) stage.columns.push(column);
    else stage.columns[place] = column;
  }
}

function columnsOf(
  use: StepUse,
  { columns, compute }: CodeFile,
  reads: readonly StageColumn[],
): readonly StageColumn[] {
  const { stage } = use;
  const key = columns.find(({ name }) => !stage.isOpen && stage.column(name)?.keyOrdinal !== undefined);
  if (key !== undefined) {
    use.problem('key-column', `rows are identified by ${quoted(key.name)}: it cannot be set`);
    return [];
  }
  const inputs = [...new Set(reads.flatMap((column) => column.inputs))];
  const base = { inputs, ofRowOnly: reads.every((column) => column.ofRowOnly) };
  const label = use.label();
  const row = rowMaker(use, reads);
  const names = columns.map(({ name }) => name);
  const run: Run = (image) => {
    try {
      const found = computed(compute, row(image));
      return names.map((name) => (Object.hasOwn(found, name) ? found[name] : null)) as readonly Value[];
    } catch (error) {
      if (error instanceof NotSentError) return undefined;
      throw error;
    }
  };
  // Its cells are whatever the function gave: no column shows them.
  const whole = stage.computed({ name: '', nullable: true, keyOrdinal: undefined }, HIDDEN, { ...base, label, run });
  stage.instructions.push({ kind: 'compute', register: ~whole.slot, label });
  return columns.map(({ name, type }, i) => {
    const own = use.label(name);
    const computation = { ...base, label: own, run: partRun(whole.run, i, type) };
    const made = stage.computed({ name, nullable: true, keyOrdinal: undefined }, columnTypeOf(type), computation);
    stage.instructions.push({ kind: 'compute', register: ~made.slot, label: own });
    return made;
  });
}

const HIDDEN = { kind: 'array', native: 'other[]', element: 'other' } as const;

function partRun(whole: Run, index: number, type: Type): Run {
  const limit = limiter(type);
  return (row) => {
    const found = whole(row);
    if (found === null || found === undefined) return found;
    const cell: Cell = cellOf(type, (found as readonly unknown[])[index]);
    return cell === null || limit === null ? cell : limit(cell as Present);
  };
}

/** Invariant 9: a column that was not sent is neither null nor absent: reading it ends the function. */
function rowMaker({ stage }: StepUse, reads: readonly StageColumn[]): (image: RowImage) => CodeRow {
  const columns = reads.map((column) => ({ name: column.name, run: rawRun(stage, column) }));
  const notSent = {
    enumerable: true,
    get(): never {
      throw new NotSentError();
    },
  };
  return (image) => {
    const row: Record<string, Value> = Object.create(null);
    for (const { name, run } of columns) {
      const value = run(image);
      if (value === undefined) Object.defineProperty(row, name, notSent);
      else row[name] = value as Value;
    }
    return Object.freeze(row);
  };
}
