/**
 * `dedupe` at work: an inserted row that says the same as one that was let through passes only when that one is older than the
 * window. Time is that of the commits, so what passes is the same whenever it is read again.
 *
 *     seen_<n>(table, said, key, time)     `said`: JSON texts of the columns; the row that was let through, and when, µs
 */
import type { Change } from '../../contracts/row.ts';
import type { TableSchema } from '../../contracts/schema.ts';
import type { DedupeStep } from '../../contracts/stateful-steps.ts';
import { tableName } from './lookup-shapes.ts';
import type { StageStore } from './stage-store.ts';

export class Dedupe {
  /** Rows that were left out. */
  repeats = 0;
  readonly #step: DedupeStep;
  readonly #store: StageStore;
  readonly #seen: string;
  /** Columns by version of a table; null: it lacks one. */
  readonly #columns = new Map<string, readonly number[] | null>();

  /** @param number of the step in its stage */
  constructor(step: DedupeStep, store: StageStore, number: number) {
    this.#step = step;
    this.#store = store;
    this.#seen = `seen_${number}`;
    store.create(
      `CREATE TABLE IF NOT EXISTS ${this.#seen} ("table" TEXT NOT NULL, said TEXT NOT NULL, key TEXT NOT NULL, time INTEGER NOT NULL,
         PRIMARY KEY ("table", said));
       CREATE INDEX IF NOT EXISTS ${this.#seen}_key ON ${this.#seen} ("table", key);
       CREATE INDEX IF NOT EXISTS ${this.#seen}_time ON ${this.#seen} ("table", time)`,
    );
  }

  output(table: TableSchema): TableSchema {
    return table;
  }

  apply(change: Change): readonly Change[] {
    const columns = this.#columnsOf(change.table);
    if (columns === null) return [change];
    if (change.op === 'delete')
      this.#run('DELETE FROM # WHERE "table" = ? AND key = ?', tableName(change.table), change.key);
    if (change.op !== 'insert' || !this.#isRepeat(change, columns)) return [change];
    this.repeats++;
    return [];
  }

  #isRepeat({ table, after, key, timeUs }: Change, columns: readonly number[]): boolean {
    const cells = columns.map((column) => after!.bytes(column));
    // Invariant 9: what was not sent is no value that could repeat.
    if (cells.includes(undefined)) return false;
    const name = tableName(table);
    const said = `[${cells.map((cell) => Buffer.from(cell!).toString()).join(',')}]`;
    const [first] = this.#rows('said = ?', name, said);
    // Commit times may go back a little: time does not.
    const time = this.#rows('true ORDER BY time DESC LIMIT 1', name).reduce(later, BigInt(timeUs));
    const window = BigInt(Math.ceil(this.#step.withinMs * 1_000));
    // The same row once more is no other one.
    if (first !== undefined && first.key !== key && time - first.time < window) return true;
    this.#run(
      `INSERT INTO # VALUES (?, ?, ?, ?) ON CONFLICT ("table", said) DO UPDATE SET key = excluded.key, time = excluded.time`,
      ...[name, said, key, time],
    );
    // Invariant 10: what is older than the window decides nothing any more.
    this.#run('DELETE FROM # WHERE "table" = ? AND time <= ?', name, time - window);
    return false;
  }

  #rows(where: string, ...values: readonly string[]): readonly { readonly key: string; readonly time: bigint }[] {
    const sql = `SELECT key, time FROM ${this.#seen} WHERE "table" = ? AND ${where}`;
    return this.#store.change(() => this.#store.statement(sql).all(...values)) as never;
  }

  #columnsOf(table: TableSchema): readonly number[] | null {
    const known = this.#columns.get(table.id);
    if (known !== undefined) return known;
    const found = this.#step.by.map((name) => table.columns.findIndex((column) => column.name === name));
    const columns = found.includes(-1) ? null : found;
    this.#columns.set(table.id, columns);
    return columns;
  }

  #run(sql: string, ...values: readonly (string | bigint)[]): void {
    this.#store.change(() => this.#store.statement(sql.replace('#', this.#seen)).run(...values));
  }
}

const later = (time: bigint, row: { readonly time: bigint }) => (row.time > time ? row.time : time);
