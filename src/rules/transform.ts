/**
 * Steps compiled for one table version, run over changes.
 *
 * A filter knows about changes: what it lets through is a set of rows, not of events. A row that does not match becomes a
 * delete, because an earlier version of it may have matched and stand in the target; a delete always passes.
 */
import { classOf, TailraceError } from '../contracts/errors.ts';
import type { Change, Row } from '../contracts/row.ts';
import type { RowTransform } from '../contracts/rules.ts';
import type { TableSchema } from '../contracts/schema.ts';
import { hasColumn } from './column-copy.ts';
import { fail, ruleFailed } from './fail.ts';
import { KeyOnlyRow, OutputRow, type Projection } from './output-row.ts';
import { type Computation, RowImage, SEND_WHOLE_ROWS } from './row-image.ts';

/** In the order of the steps. `compute` fills a register that may fail. */
export type Instruction =
  | { readonly kind: 'filter'; readonly test: Computation }
  | { readonly kind: 'compute'; readonly register: number; readonly label: string };

export interface Program extends Projection {
  readonly output: TableSchema;
  readonly instructions: readonly Instruction[];
  /** Columns and their values are those of the input: rows pass as they are. */
  readonly isIdentity: boolean;
  /** Output columns of the key in key order, when the key's text must be made anew. */
  readonly newKey: readonly number[] | null;
}

/** What is known of a row under the filters. */
type Match = 'yes' | 'no' | 'unknown';

export class CompiledTransform implements RowTransform {
  readonly output: TableSchema;
  readonly #program: Program;
  readonly #filters: readonly Computation[];
  readonly #keyNames: readonly string[];
  /** Registers that instructions have computed when a row has passed. */
  readonly #computed: ReadonlySet<number>;

  constructor(program: Program) {
    this.#program = program;
    this.#computed = new Set(program.instructions.flatMap((step) => (step.kind === 'compute' ? [step.register] : [])));
    this.output = program.output;
    this.#filters = program.instructions.flatMap((step) => (step.kind === 'filter' ? [step.test] : []));
    this.#keyNames = (program.newKey ?? []).map((column) => JSON.stringify(program.columns[column]!.name));
  }

  apply(change: Change): readonly Change[] {
    const { op, before, after } = change;
    if (op === 'delete') return [this.#deleted(change)];
    if (after === null) return [this.output === change.table ? change : { ...change, table: this.output }];
    const { registers } = this.#program;
    const older = before === null ? null : new RowImage(before, null, change, registers, true);
    const row = new RowImage(after, op === 'update' ? older : null, change, registers, false);
    if (!this.#run(row)) return [this.#refused(change, row, older)];
    const isWhole = op !== 'update' || this.#filters.length === 0 || this.#isWhole(row);
    if (!isWhole && change.isKnown !== true) this.#mustBeThere(row, older);
    if (this.#program.isIdentity && (isWhole || older === null)) return [change];
    return [this.#changed(change, row, older)];
  }

  /** False when a filter refuses the row. Throws `rule.failed`. */
  #run(row: RowImage): boolean {
    let label = '';
    try {
      for (const step of this.#program.instructions) {
        if (step.kind === 'compute') {
          label = step.label;
          row.compute(step.register);
        } else {
          label = step.test.label;
          const verdict = step.test.run(row);
          if (verdict === undefined) row.cannotKnow(step.test);
          if (verdict !== true) return false;
        }
      }
      return true;
    } catch (error) {
      throw located(error, label);
    }
  }

  /** Was every column of the output sent? False may also mean that finding out would cost computing it. */
  #isWhole(row: RowImage): boolean {
    const { input } = row;
    const { slots, registers } = this.#program;
    for (const slot of slots) {
      if (slot >= 0) {
        if (!hasColumn(input, slot)) return false;
      } else if (this.#computed.has(~slot)) {
        if (row.register(~slot) === undefined) return false;
      } else if (registers[~slot]!.inputs.some((column) => !hasColumn(input, column))) return false;
    }
    return true;
  }

  /**
   * Invariant 9: when the row was not in the target before, nothing there could stand in for a column that was not sent.
   * It was there if its old version surely matched.
   */
  #mustBeThere(row: RowImage, older: RowImage | null): void {
    const { slots, columns } = this.#program;
    const missing = slots.findIndex((slot) => !(slot >= 0 ? row.has(slot) : row.register(~slot) !== undefined));
    if (missing < 0 || this.#match(older) === 'yes') return;
    const { name } = columns[missing]!;
    const message = `the row may be new to the target, but column "${name}" was not sent by the source`;
    throw located(ruleFailed(message, SEND_WHOLE_ROWS), this.#filters[0]!.label);
  }

  #match(older: RowImage | null): Match {
    if (older === null) return 'unknown';
    let match: Match = 'yes';
    for (const { run } of this.#filters) {
      const verdict = verdictOn(older, run);
      if (verdict === false || verdict === null) return 'no';
      if (verdict === undefined) match = 'unknown';
    }
    return match;
  }

  #deleted(change: Change): Change {
    const { before } = change;
    if (before === null) {
      if (this.#program.newKey !== null) throw located(ruleFailed('a delete has no key columns'), 'key');
      return { ...change, table: this.output };
    }
    const older = new RowImage(before, null, change, this.#program.registers, true);
    const neverMatched = this.#filters.length > 0 && this.#match(older) === 'no';
    if (this.#program.isIdentity && !neverMatched) return change;
    return this.#asDelete(change, older, neverMatched);
  }

  /** A delete of the same version, of a row that no longer matches or never did. */
  #refused(change: Change, row: RowImage, older: RowImage | null): Change {
    const neverMatched = change.op === 'insert' || (change.op === 'update' && this.#match(older) === 'no');
    const identity =
      older !== null && hasKey(older.input)
        ? older
        : new RowImage(new KeyOnlyRow(row.input), null, change, this.#program.registers, true);
    return this.#asDelete(change, identity, neverMatched);
  }

  #asDelete(change: Change, identity: RowImage, dropped: boolean): Change {
    const { version, timeUs, position, transaction } = change;
    const before = this.#view(identity);
    const key = this.#keyOf(change, before);
    const deleted: Change = {
      op: 'delete',
      table: this.output,
      version,
      timeUs,
      key,
      before,
      after: null,
      position,
      transaction,
    };
    return dropped || change.dropped ? { ...deleted, dropped: true } : deleted;
  }

  #changed(change: Change, row: RowImage, older: RowImage | null): Change {
    const { op, version, timeUs, position, transaction } = change;
    const after = new OutputRow(this.#program, row);
    const key = this.#keyOf(change, after);
    const before = older === null ? null : this.#view(older);
    return { op, table: this.output, version, timeUs, key, before, after, position, transaction };
  }

  #view(image: RowImage): Row {
    return this.#program.isIdentity ? image.input : new OutputRow(this.#program, image);
  }

  #keyOf(change: Change, row: Row): string {
    const { newKey } = this.#program;
    if (newKey === null) return change.key;
    let text = '{';
    for (let i = 0; i < newKey.length; i++) {
      const bytes = row.bytes(newKey[i]!);
      if (bytes === undefined) return fail(`key column ${this.#keyNames[i]} cannot be computed`);
      const json = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
      text += `${i === 0 ? '' : ','}${this.#keyNames[i]}:${json}`;
    }
    return `${text}}`;
  }
}

function hasKey(row: Row): boolean {
  return row.columns.every(({ keyOrdinal }, i) => keyOrdinal === undefined || hasColumn(row, i));
}

function verdictOn(older: RowImage, run: Computation['run']): unknown {
  try {
    return run(older);
  } catch (error) {
    if (classOf(error) !== 'poison') throw error;
    return undefined;
  }
}

/** Says which step failed. Invariant 12: the message names steps and columns, never values. */
function located(error: unknown, label: string): unknown {
  if (!(error instanceof TailraceError) || error.code !== 'rule.failed') return error;
  const { message, remedy } = error;
  return new TailraceError('rule.failed', `${label}: ${message}`, {
    cause: error,
    step: label,
    ...(remedy !== undefined && { remedy }),
  });
}
