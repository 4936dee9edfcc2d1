/**
 * `lookup` at work: rows of any table with what a row of another table says about them (docs/decisions,
 * 2026-11-25-lookup-and-dedupe). What it has sent is, for every row, the join of the two tables as they were read so far,
 * whatever came first.
 */
import type { Change, Row } from '../../contracts/row.ts';
import type { TableSchema } from '../../contracts/schema.ts';
import type { LookupStep } from '../../contracts/stateful-steps.ts';
import { JoinedRow } from './joined-row.ts';
import { namedBy } from './lookup-keys.ts';
import type { LookupRows, OurRow, TheirRow } from './lookup-rows.ts';
import { type LookupShapes, type OurShape, tableName } from './lookup-shapes.ts';
import { namesTable } from './stage-plan.ts';
import type { StageStore } from './stage-store.ts';
import { type Cells, cellsOf, sameCell } from './stored-row.ts';

export type MakeRow = (columns: TableSchema['columns'], values: Cells) => Row;

export interface LookupOptions {
  readonly step: LookupStep;
  readonly rows: LookupRows;
  readonly shapes: LookupShapes;
  readonly store: StageStore;
  readonly makeRow: MakeRow;
}

/** Of a row of the other table; null: there is none. */
type Found = TheirRow | null;
/** What makes rows be sent again. */
type Cause = Pick<Change, 'timeUs' | 'position' | 'transaction'>;

export class Lookup {
  readonly #options: LookupOptions;

  constructor(options: LookupOptions) {
    this.#options = options;
  }

  output(table: TableSchema): TableSchema {
    return this.#options.shapes.of(table)?.output ?? table;
  }

  /** A change of any table. What is kept has changed when all that it gives was taken. */
  *apply(change: Change): Generator<Change> {
    const { step, shapes } = this.#options;
    const isTheirs = namesTable(step.from, change.table);
    if (isTheirs) shapes.seen(change.table);
    if (change.before === null && change.after === null && change.op !== 'delete') {
      yield* this.#marker(change, isTheirs);
      return;
    }
    const changed = isTheirs ? this.#keepTheirs(change) : null;
    const shape = shapes.of(change.table);
    if (shape === null) yield change;
    else yield change.op === 'delete' ? this.#deleted(change, shape) : this.#joined(change, shape);
    if (changed !== null) yield* this.#again(changed.named, changed.old, changed.now, change);
  }

  /** A page of the rows of tables that nobody before has, with what is found for them now, and the place of its last row. */
  refreshed(behind: { table: string; key: string }, isOfOthers: (table: string) => boolean) {
    const page = this.#options.rows.oursBehind(behind);
    const last = page.at(-1);
    const changes = page
      .filter(({ table }) => !isOfOthers(table))
      .flatMap((our) => this.#sentAgain(our, undefined, this.#find(our.named), sameTime(our)));
    return { changes, last: last === undefined ? null : { table: last.table, key: last.key } };
  }

  /** It sends rows of this table again. */
  keeps(table: string): boolean {
    return this.#options.rows.hasOurs(table);
  }

  #keepTheirs(change: Change): { named: string; old: Found; now: Found } | null {
    const { step, rows, shapes } = this.#options;
    const { key, taken } = shapes.theirs(change.table);
    const row = change.op === 'delete' ? change.before : change.after;
    const named = (row === null ? undefined : namedBy(row, key)) ?? rows.namedByKey(change.key);
    if (named === null) return null;
    const old = rows.their(named);
    let now: Found = null;
    if (change.op === 'delete') rows.removeTheir(named);
    else {
      // Invariant 9: what was not sent is what it was.
      const cells = taken.map((column, i) => (column < 0 ? undefined : row!.bytes(column)) ?? old?.cells[i]);
      now = { named, key: change.key, version: change.version, cells };
      rows.putTheir(now);
    }
    return step.refresh && !isSame(old, now) ? { named, old, now } : null;
  }

  #joined(change: Change, shape: OurShape): Change {
    const { rows, shapes, step, makeRow } = this.#options;
    const table = tableName(change.table);
    // Of a table without key there is no row that could be sent again.
    const isKept = step.refresh && shape.isKeyed;
    let after = change.after!;
    const cells = cellsOf(after);
    if (isKept && cells.includes(undefined)) {
      const former = this.#former({ table, key: change.key }, change.table);
      after = makeRow(
        after.columns,
        cells.map((cell, i) => cell ?? former?.[i]),
      );
    }
    const named = namedBy(after, shape.ours);
    if (isKept) {
      shapes.seenOurs(change.table);
      const { key, version, timeUs } = change;
      const our = { table, key, named: named ?? null, version, timeUs, schema: change.table.id };
      rows.putOur({ ...our, cells: cellsOf(after) });
    }
    const found = named === undefined ? undefined : this.#find(named);
    const before = change.before === null ? null : this.#before(change.before, shape);
    if (found === null && step.missing === 'drop') {
      return this.#gone(change, shape, before, change.op !== 'update');
    }
    return { ...change, table: shape.output, before, after: this.#with(after, found, shape) };
  }

  #deleted(change: Change, shape: OurShape): Change {
    this.#options.rows.removeOur({ table: tableName(change.table), key: change.key });
    const before = change.before === null ? null : this.#before(change.before, shape);
    return { ...change, table: shape.output, before };
  }

  #before(row: Row, shape: OurShape): Row {
    const named = namedBy(row, shape.ours);
    return this.#with(row, named === undefined ? undefined : this.#find(named), shape);
  }

  #gone(change: Change, { output }: OurShape, before: Row | null, neverThere: boolean): Change {
    const { version, timeUs, key, position, transaction } = change;
    const gone = { op: 'delete' as const, table: output, version, timeUs, key, before, after: null };
    return { ...gone, position, transaction, ...(neverThere && { dropped: true as const }) };
  }

  /** Nothing is looked up: null, as where nothing is found. */
  #find(named: string | null): Found {
    return named === null ? null : this.#options.rows.their(named);
  }

  #with(own: Row, found: Found | undefined, { output, taken }: OurShape): Row {
    const row = found === null || found === undefined ? found : this.#options.makeRow(taken, found.cells);
    return new JoinedRow(output.columns, own, row);
  }

  /** All rows that name this one of the other table. */
  *#again(named: string, old: Found, now: Found, cause: Cause): Generator<Change> {
    for (const our of this.#options.rows.naming(named)) yield* this.#sentAgain(our, old, now, cause);
  }

  /** @param old undefined: not known */
  #sentAgain(our: OurRow, old: Found | undefined, now: Found, { timeUs, position, transaction }: Cause): Change[] {
    const { shapes, step } = this.#options;
    const shape = shapes.latest(our.table);
    // The table has lost a column with which its rows looked something up.
    if (shape === null) return [];
    const own = this.#options.makeRow(shape.input.columns, this.#cellsAs(our, shape.input));
    const { key, version } = our;
    const change: Change = {
      ...{ op: 'update', table: shape.output, version, timeUs, key, position, transaction },
      before: old === undefined || (old === null && step.missing === 'drop') ? null : this.#with(own, old, shape),
      after: this.#with(own, now, shape),
    };
    return [now === null && step.missing === 'drop' ? this.#gone(change, shape, change.before, false) : change];
  }

  #former(place: { table: string; key: string }, as: TableSchema): Cells | null {
    const former = this.#options.rows.our(place);
    return former === null ? null : this.#cellsAs(former, as);
  }

  /** The columns of a kept row as the table is now. Invariant 9: what it does not say of them is not known, and never NULL. */
  #cellsAs({ schema, cells }: OurRow, as: TableSchema): Cells {
    if (schema === as.id) return cells;
    const kept = this.#options.store.schema(schema).columns;
    return as.columns.map(({ name, kind, native }) => {
      const at = kept.findIndex((column) => column.name === name && column.kind === kind && column.native === native);
      return at < 0 ? undefined : cells[at];
    });
  }

  /** Invariant 7: what a truncate or the end of a snapshot takes away at the source is never sent again. */
  *#marker(change: Change, isTheirs: boolean): Generator<Change> {
    const { rows, shapes, step } = this.#options;
    const { op, table, sweepBelow } = change;
    const removesAll = op === 'truncate';
    const sweeps = op === 'snapshot-end' && sweepBelow !== undefined;
    const shape = shapes.of(table);
    if (shape !== null && removesAll) rows.clearOurs(tableName(table));
    if (isTheirs && (removesAll || sweeps)) {
      for (const their of rows.theirsBelow(removesAll ? null : sweepBelow!)) {
        rows.removeTheir(their.named);
        if (step.refresh) yield* this.#again(their.named, their, null, change);
      }
    }
    if (shape !== null && sweeps) {
      for (const our of rows.oursBelow(tableName(table), sweepBelow)) {
        rows.removeOur(our);
        const { key, version } = our;
        const { timeUs, position, transaction } = change;
        yield {
          op: 'delete',
          table: shape.output,
          version,
          timeUs,
          key,
          before: null,
          after: null,
          position,
          transaction,
        };
      }
    }
    yield shape === null ? change : { ...change, table: shape.output };
  }
}

const sameTime = ({ timeUs }: OurRow): Cause => ({ timeUs, position: '', transaction: '' });

function isSame(a: Found, b: Found): boolean {
  return a === null || b === null ? a === b : a.cells.every((cell, i) => sameCell(cell, b.cells[i]));
}
