/**
 * What one lookup keeps. Ours: the rows that look something up, by what they name, so that they are found when that changes.
 * Theirs: of each row of the other table the columns that are taken.
 *
 *     ours_<n>(source, key, named, version, time, schema, cells, sum)   `named`: text of what is looked up; NULL: nothing
 *     theirs_<n>(named, key, version, cells, sum)
 */
import { crc32c } from '../../lib/crc32c.ts';
import type { StageStore } from './stage-store.ts';
import { type Cells, packCells, unpackCells } from './stored-row.ts';

/** Rows read at once: none is held open in the file while others are written. */
const PAGE = 128;

export interface OurRow {
  /** Table, as `tableName` has it. */
  readonly table: string;
  readonly key: string;
  /** What is looked up for it; null: nothing. */
  readonly named: string | null;
  /** Of the change that it comes from. */
  readonly version: bigint;
  /** Commit time, µs since 1970. */
  readonly timeUs: number;
  readonly schema: string;
  readonly cells: Cells;
}

export interface TheirRow {
  readonly named: string;
  /** Of its records. */
  readonly key: string;
  readonly version: bigint;
  readonly cells: Cells;
}

interface Place {
  readonly table: string;
  readonly key: string;
}

export class LookupRows {
  readonly #store: StageStore;
  readonly #ours: string;
  readonly #theirs: string;
  readonly #taken: number;

  /** @param number of the lookup in its stage; @param taken how many columns are taken */
  constructor(store: StageStore, number: number, taken: number) {
    this.#store = store;
    this.#ours = `ours_${number}`;
    this.#theirs = `theirs_${number}`;
    this.#taken = taken;
    store.create(
      `CREATE TABLE IF NOT EXISTS ${this.#ours} ("table" TEXT NOT NULL, key TEXT NOT NULL, named TEXT, version INTEGER NOT NULL,
         time INTEGER NOT NULL, schema TEXT NOT NULL, cells BLOB NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY ("table", key));
       CREATE INDEX IF NOT EXISTS ${this.#ours}_named ON ${this.#ours} (named, "table", key) WHERE named IS NOT NULL;
       CREATE TABLE IF NOT EXISTS ${this.#theirs} (named TEXT PRIMARY KEY, key TEXT NOT NULL, version INTEGER NOT NULL,
         cells BLOB NOT NULL, sum INTEGER NOT NULL);
       CREATE INDEX IF NOT EXISTS ${this.#theirs}_key ON ${this.#theirs} (key)`,
    );
  }

  our({ table, key }: Place): OurRow | null {
    return this.#ourRows(`WHERE "table" = ? AND key = ?`, table, key)[0] ?? null;
  }

  putOur({ table, key, named, version, timeUs, schema, cells }: OurRow): void {
    const packed = packCells(cells);
    this.#run(
      `INSERT INTO ${this.#ours} VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT ("table", key) DO UPDATE SET
         named = excluded.named, version = excluded.version, time = excluded.time, schema = excluded.schema,
         cells = excluded.cells, sum = excluded.sum`,
      ...[table, key, named, version, timeUs, schema, packed, crc32c(packed)],
    );
  }

  removeOur({ table, key }: Place): void {
    this.#run(`DELETE FROM ${this.#ours} WHERE "table" = ? AND key = ?`, table, key);
  }

  clearOurs(table: string): void {
    this.#run(`DELETE FROM ${this.#ours} WHERE "table" = ?`, table);
  }

  hasOurs(table: string): boolean {
    const sql = `SELECT 1 FROM ${this.#ours} WHERE "table" = ? LIMIT 1`;
    return this.#store.change(() => this.#store.statement(sql).get(table)) !== undefined;
  }

  /** All that name this row of the other table. They may be changed meanwhile. */
  *naming(named: string): Generator<OurRow> {
    yield* this.#pages((last) =>
      last === null
        ? this.#ourRows(`WHERE named = ? ORDER BY "table", key LIMIT ${PAGE}`, named)
        : this.#ourRows(
            `WHERE named = ? AND ("table", key) > (?, ?) ORDER BY "table", key LIMIT ${PAGE}`,
            ...[named, last.table, last.key],
          ),
    );
  }

  /** Rows of a table that were last written below a version. */
  *oursBelow(table: string, version: bigint): Generator<OurRow> {
    yield* this.#pages((last) =>
      this.#ourRows(
        `WHERE "table" = ? AND key > ? AND version < ? ORDER BY key LIMIT ${PAGE}`,
        ...[table, last?.key ?? '', version],
      ),
    );
  }

  /** A page of all of them, behind a place. Empty: there are no more. */
  oursBehind({ table, key }: Place): readonly OurRow[] {
    return this.#ourRows(`WHERE ("table", key) > (?, ?) ORDER BY "table", key LIMIT ${PAGE}`, table, key);
  }

  *#pages(read: (last: OurRow | null) => readonly OurRow[]): Generator<OurRow> {
    let last: OurRow | null = null;
    for (let page = read(last); page.length > 0; page = read(last)) {
      yield* page;
      last = page.at(-1)!;
      if (page.length < PAGE) return;
    }
  }

  their(named: string): TheirRow | null {
    return this.#theirRows('WHERE named = ?', named)[0] ?? null;
  }

  /** For a delete that says nothing but the key of its record. */
  namedByKey(key: string): string | null {
    return this.#theirRows('WHERE key = ?', key)[0]?.named ?? null;
  }

  putTheir({ named, key, version, cells }: TheirRow): void {
    const packed = packCells(cells);
    this.#run(
      `INSERT INTO ${this.#theirs} VALUES (?, ?, ?, ?, ?) ON CONFLICT (named) DO UPDATE SET
         key = excluded.key, version = excluded.version, cells = excluded.cells, sum = excluded.sum`,
      ...[named, key, version, packed, crc32c(packed)],
    );
  }

  removeTheir(named: string): void {
    this.#run(`DELETE FROM ${this.#theirs} WHERE named = ?`, named);
  }

  /** Rows of the other table that were last written below a version; null: all. They may be removed meanwhile. */
  *theirsBelow(version: bigint | null): Generator<TheirRow> {
    const below = version ?? (1n << 63n) - 1n;
    let last = '';
    for (;;) {
      const page = this.#theirRows(`WHERE named > ? AND version < ? ORDER BY named LIMIT ${PAGE}`, last, below);
      yield* page;
      if (page.length < PAGE) return;
      last = page.at(-1)!.named;
    }
  }

  #ourRows(where: string, ...values: readonly (string | bigint)[]): readonly OurRow[] {
    const rows = this.#all(`SELECT * FROM ${this.#ours} ${where}`, values);
    return rows.map((row) => {
      const schema = row.schema as string;
      const { columns } = this.#store.schema(schema);
      return {
        table: row.table as string,
        key: row.key as string,
        named: row.named as string | null,
        version: row.version as bigint,
        timeUs: Number(row.time),
        schema,
        cells: this.#cells(row, columns.length),
      };
    });
  }

  #theirRows(where: string, ...values: readonly (string | bigint)[]): readonly TheirRow[] {
    const rows = this.#all(`SELECT * FROM ${this.#theirs} ${where}`, values);
    return rows.map((row) => ({
      named: row.named as string,
      key: row.key as string,
      version: row.version as bigint,
      cells: this.#cells(row, this.#taken),
    }));
  }

  #cells({ cells, sum }: Readonly<Record<string, unknown>>, columns: number): Cells {
    const packed = cells as Uint8Array;
    if (BigInt(crc32c(packed)) !== sum) this.#store.damaged('a kept row does not match its checksum');
    return unpackCells(packed, columns);
  }

  #all(sql: string, values: readonly (string | bigint)[]) {
    return this.#store.change(() => this.#store.statement(sql).all(...values));
  }

  #run(sql: string, ...values: readonly (string | number | bigint | Uint8Array | null)[]): void {
    this.#store.change(() => this.#store.statement(sql).run(...values));
  }
}
