/** `ts`: columns computed by a TypeScript file. */
import { isAbsolute } from 'node:path';
import type { Value } from '../../contracts/row.ts';
import { quoted } from '../../lib/printable.ts';
import { limiter } from '../expression/conversion.ts';
import { columnTypeOf, type Type } from '../expression/types.ts';
import type { RowImage, Run } from '../row-image.ts';
import type { StageColumn } from '../stage.ts';
import type { Cell, Present } from '../values/cell.ts';
import { type CodeFile, type CodeRow, cellOf, computed, loadCode, NotSentError } from './code-file.ts';
import { rawRun } from './raw-value.ts';
import type { Step, StepUse } from './step.ts';

const EXAMPLE = 'ts: ./transforms/price.ts';

export const ts: Step = {
  verb: 'ts',
  summary:
    "Adds columns, or replaces their values, by a TypeScript file beside the pipeline file: `export const columns = { price: 'numeric(12,2)' }` says what it makes, its default export is a function from the row to an object with them. Values are those of `tailrace types`; a number of type `numeric` or `bigint` may be text, JSON is any value. The function must be pure and synchronous: it is called again when changes are replayed. What it throws, and what is no value of the type, makes a dead letter. Key columns cannot be set. A changed file takes effect at the next start.",
  example: EXAMPLE,
  takesFile: true,
  apply(use) {
    const { config, stage } = use;
    if (typeof config !== 'string' || !isAbsolute(config) || !/\.[cm]?[jt]s$/.test(config)) {
      use.problem('step-argument', 'the path of a TypeScript file must stand here', { fix: `for example ${EXAMPLE}` });
      return;
    }
    const file = loadCode(config);
    if (typeof file === 'string') {
      use.problem('step-file', file, { fix: 'see the step ts in docs/reference/expressions.md' });
      return;
    }
    for (const column of columnsOf(use, file)) {
      const place = stage.columns.findIndex(({ name }) => name === column.name);
      if (place < 0) stage.columns.push(column);
      else stage.columns[place] = column;
    }
  },
};

function columnsOf(use: StepUse, { columns, compute }: CodeFile): readonly StageColumn[] {
  const { stage } = use;
  const key = columns.find(({ name }) => !stage.isOpen && stage.column(name)?.keyOrdinal !== undefined);
  if (key !== undefined) {
    use.problem('key-column', `rows are identified by ${quoted(key.name)}: it cannot be set`);
    return [];
  }
  const inputs = [...new Set(stage.columns.flatMap((column) => column.inputs))];
  const base = { inputs, ofRowOnly: stage.columns.every((column) => column.ofRowOnly) };
  const label = use.label();
  const row = rowMaker(use);
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
function rowMaker({ stage }: StepUse): (image: RowImage) => CodeRow {
  const columns = stage.columns.map((column) => ({ name: column.name, run: rawRun(stage, column) }));
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
