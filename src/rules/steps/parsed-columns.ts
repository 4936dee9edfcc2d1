/** Columns that are parts of a text. */
import { TailraceError } from '../../contracts/errors.ts';
import { castTo } from '../expression/conversion.ts';
import { columnTypeOf, TEXT, type Type } from '../expression/types.ts';
import { fail } from '../fail.ts';
import type { Reader } from '../formats/format.ts';
import type { Run } from '../row-image.ts';
import type { StageColumn } from '../stage.ts';
import type { Cell } from '../values/cell.ts';
import type { StepUse } from './step.ts';

export interface ParsedColumn {
  readonly name: string;
  readonly type: Type;
}

/** The text is read once, into a register that no column shows; the columns take their parts from it. @param keep a text that is of no form gives NULLs */
export function addParsed(
  use: StepUse,
  from: StageColumn,
  columns: readonly ParsedColumn[],
  readers: readonly Reader[],
  keep: boolean,
): readonly StageColumn[] {
  const { stage } = use;
  const { run, inputs, ofRowOnly } = from;
  const base = { label: use.label(), inputs, ofRowOnly };
  const read = (text: string): Cell => {
    for (const reader of readers) {
      const fields = reader(text);
      if (fields !== null) return fields;
    }
    return keep ? null : fail('the text is not of this form');
  };
  const whole = stage.computed({ name: '', nullable: true, keyOrdinal: undefined }, ARRAY, {
    ...base,
    run: (row) => {
      const text = run(row);
      return text === null || text === undefined ? text : read(text as string);
    },
  });
  stage.instructions.push({ kind: 'compute', register: ~whole.slot, label: base.label });
  return columns.map(({ name, type }, i) => {
    const label = use.label(name);
    const computation = { ...base, label, run: partRun(whole.run, i, type, keep) };
    const made = stage.computed({ name, nullable: true, keyOrdinal: undefined }, columnTypeOf(type), computation);
    stage.instructions.push({ kind: 'compute', register: ~made.slot, label });
    return made;
  });
}

const ARRAY = { kind: 'array', native: 'text[]', element: 'text' } as const;

function partRun(whole: Run, index: number, type: Type, keep: boolean): Run {
  const convert = type.kind === 'text' && type.length === undefined ? null : castTo(TEXT, type)!;
  return (row) => {
    const fields = whole(row);
    if (fields === null || fields === undefined) return fields;
    const text = (fields as readonly (string | null)[])[index] ?? null;
    if (text === null || convert === null) return text;
    try {
      return convert(text);
    } catch (error) {
      if (!keep || !(error instanceof TailraceError)) throw error;
      return null;
    }
  };
}
