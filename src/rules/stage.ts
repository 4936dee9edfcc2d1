/** A table as it stands between two steps: which columns there are, where their values come from, what was found wrong. */
import type { Problem, StepSource } from '../contracts/rules.ts';
import type { Column, TableDescription, UnsentRule } from '../contracts/schema.ts';
import type { CompiledExpression } from './expression/compile.ts';
import type { ExpressionScope, ScopeColumn } from './expression/scope.ts';
import { type ColumnType, columnTypeOf, typeOfColumn, UNRESOLVED } from './expression/types.ts';
import type { Computation, Register, Run } from './row-image.ts';
import type { Instruction } from './transform.ts';
import { codecOf } from './values/cell.ts';

export interface StageColumn extends ScopeColumn {
  /** What the row says of the column; null while the table is not known. */
  readonly is: ColumnType | null;
  readonly keyOrdinal: number | undefined;
  /** Index of an input column, or `~index` of a register. */
  readonly slot: number;
  /** Columns of the input that the value comes from. */
  readonly inputs: readonly number[];
  readonly ofRowOnly: boolean;
}

/** A step names a column that this table lacks, and is left out for it: other tables may have the column. */
export interface Absence {
  readonly problem: Problem;
  /** Of the step. */
  readonly path: readonly (string | number)[];
}

export class Stage implements ExpressionScope {
  columns: StageColumn[];
  readonly instructions: Instruction[] = [];
  readonly registers: Register[] = [];
  readonly problems: Problem[] = [];
  readonly absences: Absence[] = [];
  readonly #input: readonly Column[];
  /** What is computed from columns that may be not sent is a problem. */
  readonly judgesUnsent: boolean;
  /** `schema.table`; null: any. */
  readonly name: string | null;
  /** More columns may exist than are known. */
  #isOpen: boolean;
  /** Rows go no further than the step that ended it. */
  isEnded = false;
  /** Tables that its rows go to, and where that is said. */
  readonly routes: { readonly from: string; readonly table: string; readonly path: readonly (string | number)[] }[] =
    [];
  /** How many steps were run over it. */
  stepsRun = 0;
  /** Other tables behind the same steps, by name; null: not known. Absent: none is. */
  others?: (name: string, above: readonly StepSource[]) => Stage | null;
  readonly #gone = new Map<string, string>();

  private constructor(name: string | null, input: readonly Column[], isOpen: boolean, judgesUnsent = false) {
    this.name = name;
    this.#input = input;
    this.judgesUnsent = judgesUnsent;
    this.columns = input.map(inputColumn);
    this.#isOpen = isOpen;
  }

  /** A table that is known. */
  static of({ schema, table, columns }: Omit<TableDescription, 'source'>, judgesUnsent = false): Stage {
    return new Stage(`${schema}.${table}`, columns, false, judgesUnsent);
  }

  /** Any table: a column is taken to exist as soon as it is named. */
  static unknown(): Stage {
    return new Stage(null, [], true);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  column(name: string): StageColumn | undefined {
    const found = this.columns.find((column) => column.name === name);
    if (found !== undefined || !this.#isOpen || this.#gone.has(name)) return found;
    const assumed = unknownColumn(name);
    this.columns.push(assumed);
    return assumed;
  }

  /** Updates may leave it out, or something that it is computed from. */
  isUnsent({ inputs }: StageColumn): boolean {
    return inputs.some((input) => this.#input[input]?.unsent !== undefined);
  }

  names(): readonly string[] {
    return this.columns.map(({ name }) => name);
  }

  gone(name: string): string | undefined {
    return this.columns.some((column) => column.name === name) ? undefined : this.#gone.get(name);
  }

  /** From here on the name means nothing. @param how e.g. `was dropped` */
  forget(name: string, how: string): void {
    this.#gone.set(name, how);
  }

  /** No columns but those known now. */
  close(): void {
    this.#isOpen = false;
  }

  /** A column computed from here on, with its register. Add it to `columns`; `compute` it in its turn if it can fail. */
  computed(
    { name, nullable, keyOrdinal }: Pick<StageColumn, 'name' | 'nullable' | 'keyOrdinal'>,
    is: ColumnType,
    computation: Computation,
  ): StageColumn {
    const { inputs, ofRowOnly } = computation;
    const index = this.registers.length;
    this.registers.push({ ...computation, codec: codecOf(is.kind, is.element) });
    const run: Run = (row) => row.register(index);
    return { name, nullable, keyOrdinal, is, type: typeOfColumn(is), run, slot: ~index, inputs, ofRowOnly };
  }

  /** Columns as the row describes them after the steps so far. */
  describe(): Column[] {
    return this.columns.map(({ name, nullable, keyOrdinal, is, slot, inputs }) => ({
      name,
      ...(is ?? columnTypeOf(UNRESOLVED)),
      nullable,
      ...(keyOrdinal !== undefined && { keyOrdinal }),
      ...this.#unsent(slot, inputs),
    }));
  }

  /** What is computed from a column that was not sent is not sent either, whatever its size. */
  #unsent(slot: number, inputs: readonly number[]): { readonly unsent?: UnsentRule } {
    if (slot < 0) {
      const isComplete = inputs.every((input) => this.#input[input]?.unsent === undefined);
      return isComplete ? {} : { unsent: { aboveBytes: -1, aboveRowBytes: -1 } };
    }
    const rule = this.#input[slot]?.unsent;
    if (rule === undefined) return {};
    const passed = new Set(this.columns.map((column) => column.slot));
    const isMeasured = this.#input.every(
      ({ unsent, keyOrdinal }, i) => (unsent === undefined && keyOrdinal === undefined) || passed.has(i),
    );
    return { unsent: isMeasured ? rule : { ...rule, aboveRowBytes: -1 } };
  }
}

function inputColumn({ name, nullable, keyOrdinal, ...is }: Column, index: number): StageColumn {
  const { read } = codecOf(is.kind);
  const run: Run = (row) => row.load(index, read);
  return { name, nullable, keyOrdinal, is, type: typeOfColumn(is), run, slot: index, inputs: [index], ofRowOnly: true };
}

function unknownColumn(name: string): StageColumn {
  const run: Run = () => null;
  const unknown = { is: null, type: UNRESOLVED, run, slot: 0, inputs: [], ofRowOnly: true };
  return { name, nullable: true, keyOrdinal: undefined, ...unknown };
}

/** What an expression depends on. */
export function dependencies(
  expression: Pick<CompiledExpression, 'columns' | 'looksAtOldRow' | 'looksAtEvent'>,
): Pick<Computation, 'inputs' | 'ofRowOnly'> {
  const columns = [...expression.columns] as StageColumn[];
  const looksFurther = expression.looksAtOldRow || expression.looksAtEvent;
  return {
    inputs: [...new Set(columns.flatMap(({ inputs }) => inputs))],
    ofRowOnly: !looksFurther && columns.every(({ ofRowOnly }) => ofRowOnly),
  };
}
