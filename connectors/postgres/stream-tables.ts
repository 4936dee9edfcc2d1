/** Tables of the stream by relation id: how their rows are written, and what is left out of them. */
import { keyColumns, type RowWriter, type SourceOutput, type TableSchema, TailraceError } from '../../src/sdk/index.ts';
import type { AlteredRows } from './altered-rows.ts';
import type { CatalogType, Rows } from './catalog.ts';
import { encodedText, TEXT_ENCODING } from './column-sql.ts';
import { type ColumnText, columnText } from './column-text.ts';
import type { SqlSession } from './connections.ts';
import { describeRelation } from './descriptions.ts';
import { quoteName } from './names.ts';
import {
  NULL_COLUMN,
  need,
  type Relation,
  TEXT_COLUMN,
  type Tuple,
  type TypeName,
  UNCHANGED_COLUMN,
} from './pgoutput.ts';
import { type CapturedTable, fromTable } from './publication.ts';
import type { Key } from './snapshot-state.ts';
import { gap } from './source-errors.ts';
import { Visibility } from './visibility.ts';

/** SQLSTATEs: undefined column, table, schema, type; a text that is none of a type that was altered. */
const GONE: readonly string[] = ['42703', '42P01', '3F000', '42704', '22P02', '42883'];

export interface StreamTable {
  readonly label: string;
  readonly schema: TableSchema;
  readonly writer: RowWriter;
  readonly texts: readonly ColumnText[];
  readonly types: readonly CatalogType[];
  /** Indexes of the columns that identify a row. */
  readonly keys: readonly number[];
  readonly isKey: readonly boolean[];
}

/** Values read for columns that the stream did not send: text, null, or undefined when the row is gone. */
export type FetchedColumns = ReadonlyMap<number, Buffer | null>;

export interface StreamTablesOptions {
  readonly source: string;
  readonly output: SourceOutput;
  readonly sql: SqlSession;
  /** Tables as configured, with their identity of now. */
  readonly captured: readonly CapturedTable[];
  readonly altered: AlteredRows;
  /** Of a table that may become another one: what it is then is not captured before the next reader. */
  readonly isLoose: (table: CapturedTable) => boolean;
  /** Resolves when to ask again whether a transaction can be seen. */
  readonly wait: () => Promise<void>;
}

export class StreamTables {
  readonly #options: StreamTablesOptions;
  /** As last announced; null: published, but not ours to capture. */
  readonly #announced = new Map<number, { readonly relation: Relation; readonly table: CapturedTable } | null>();
  readonly #described = new Map<number, StreamTable>();
  readonly #typeNames = new Map<number, TypeName>();

  /** The last transaction that was found to be visible. */
  #visible = -1;

  constructor(options: StreamTablesOptions) {
    this.#options = options;
  }

  /** The label of the relation's table; null for one that is not captured. */
  labelOf(oid: number): string | null {
    const announced = this.#announced.get(oid);
    need(announced !== undefined);
    return announced?.table.label ?? null;
  }

  /** Undefined for a table that was announced and not described since. */
  get(oid: number): StreamTable | undefined {
    return this.#described.get(oid);
  }

  /** Takes in a Type message: it precedes the Relation that needs it, whose type may be gone by now. */
  nameType(type: TypeName): void {
    this.#typeNames.set(type.oid, type);
  }

  /** Takes in a Relation message. Throws `source.gap` for a captured table that is not the one that it was, unless it is loose. */
  announce(relation: Relation): void {
    const table = this.#capturedAs(relation);
    this.#described.delete(relation.oid);
    this.#announced.set(relation.oid, table === null ? null : { relation, table });
  }

  /** Makes the announced table known to `get`, for a transaction that changes it. */
  async describe(oid: number, xid: number): Promise<void> {
    const { source, sql, output } = this.#options;
    const { relation, table } = this.#announced.get(oid)!;
    await this.#untilVisible(xid);
    const rows: Rows = (text, values) => sql.rows(text, values);
    const { label } = table;
    const { description, types, catalog } = await describeRelation(rows, source, table, relation, this.#typeNames);
    if (keyColumns(description).length === 0) throw withoutKey(label);
    const schema = output.register(description);
    this.#options.altered.describe(label, { schema, catalog });
    const ordinals = schema.columns.map(({ keyOrdinal }, index) => ({ keyOrdinal: keyOrdinal ?? 0, index }));
    const keys = ordinals.filter(({ keyOrdinal }) => keyOrdinal > 0).sort((a, b) => a.keyOrdinal - b.keyOrdinal);
    this.#described.set(oid, {
      label,
      schema,
      writer: output.writer(schema),
      texts: types.map(columnText),
      types,
      keys: keys.map(({ index }) => index),
      isKey: schema.columns.map(({ keyOrdinal }) => keyOrdinal !== undefined),
    });
  }

  /**
   * A commit is streamed before other sessions see it; one that waits for a standby, long before. What is asked about its
   * rows and tables until then would be answered as if it had not happened (Invariant 9).
   */
  async #untilVisible(xid: number): Promise<void> {
    const { sql, wait } = this.#options;
    while (this.#visible !== xid) {
      const [row] = await sql.rows<{ snapshot: string }>('SELECT pg_current_snapshot()::text AS snapshot');
      if (new Visibility({ snapshot: row!.snapshot, until: '0/0' }).sees(xid)) this.#visible = xid;
      else await wait();
    }
  }

  #capturedAs({ oid, schema, table }: Relation): CapturedTable | null {
    const { captured, isLoose } = this.#options;
    const known = captured.find(({ catalog }) => catalog.oid === oid);
    const named = captured.find((one) => one.schema === schema && one.table === table);
    if (known === named) return known ?? null;
    if (isLoose((known ?? named)!)) return null;
    const now = `${schema}.${table}`;
    if (known !== undefined) {
      throw gap(
        `the captured table ${known.label} was renamed to ${now}`,
        `put ${now} under \`tables:\` and set \`on_gap: resnapshot\` on the source, then start Tailrace`,
      );
    }
    throw gap(`${now} is another table than the one that was captured: it was dropped and made anew, or renamed`);
  }

  /**
   * Present values of columns of the row with the tuple's key: docs/decisions/2026-11-24-changed-key-with-unsent-column.md.
   * Empty when the row is gone.
   */
  async fetch(
    table: StreamTable,
    key: readonly Buffer[],
    columns: readonly number[],
    xid: number,
  ): Promise<FetchedColumns> {
    await this.#untilVisible(xid);
    const names = table.schema.columns.map(({ name }) => quoteName(name));
    const texts = columns.map((index, i) => `${encodedText(names[index]!)} AS c${i}`);
    const where = table.keys.map(
      (index, i) => `${names[index]} = convert_from($${i + 1}::bytea, ${TEXT_ENCODING})::${table.types[index]!.native}`,
    );
    const from = fromTable(this.#options.captured.find(({ label }) => label === table.label)!);
    const sql = `SELECT ${texts.join(', ')} FROM ${from} WHERE ${where.join(' AND ')}`;
    const [row] = await this.#options.sql
      .rows<Record<string, string | null>>(sql, [...key])
      .catch((error) => (isGone(error) ? [] : Promise.reject(error)));
    if (row === undefined) return new Map();
    return new Map(
      columns.map((index, i) => {
        const text = row[`c${i}`] ?? null;
        return [index, text === null ? null : Buffer.from(text, 'base64')];
      }),
    );
  }
}

/** The column or the table is not there any more as the event had it. */
function isGone(error: unknown): boolean {
  const { cause } = error as { cause?: { code?: string } };
  return cause?.code !== undefined && GONE.includes(cause.code);
}

function withoutKey(label: string): TailraceError {
  return new TailraceError('source.unsupported', `${label} has no key in the stream: its rows cannot be told apart`, {
    remedy: `give ${label} a primary key again, and set \`on_gap: resnapshot\` on the source to read it anew`,
  });
}

/** Where to look for columns that a new tuple leaves out. */
export interface OlderImage {
  readonly tuple: Tuple;
  /** Only its key columns were sent; others stand there as null. */
  readonly keysOnly: boolean;
}

/** Writes one side of a row. With `keysOnly`, columns outside of the key were not sent, whatever stands in the tuple. */
export function writeSide(
  table: StreamTable,
  buf: Buffer,
  tuple: Tuple,
  keysOnly: boolean,
  older: OlderImage | null,
  fetched: FetchedColumns | null,
): void {
  const { writer, texts, isKey } = table;
  const { count, kinds, from, to } = tuple;
  need(count === texts.length);
  for (let i = 0; i < count; i++) {
    const kind = kinds[i]!;
    if (keysOnly && !isKey[i]) writer.unchanged(i);
    // Of a partition that identifies its rows by other columns: what they do not hold is not NULL (Invariant 9).
    else if (isKey[i] && kind === NULL_COLUMN) need(false);
    else if (kind === TEXT_COLUMN) texts[i]!(writer, i, buf, from[i]!, to[i]!);
    else if (kind === NULL_COLUMN) writer.null(i);
    else writeOlder(table, buf, i, older, fetched);
  }
}

/** Invariant 9: a column that was not sent is said to be so, unless an older image of the row has its value. */
function writeOlder(
  { writer, texts, isKey }: StreamTable,
  buf: Buffer,
  i: number,
  older: OlderImage | null,
  fetched: FetchedColumns | null,
): void {
  if (older !== null && (isKey[i] || !older.keysOnly)) {
    const { kinds, from, to } = older.tuple;
    if (kinds[i] === TEXT_COLUMN) {
      texts[i]!(writer, i, buf, from[i]!, to[i]!);
      return;
    }
    if (kinds[i] === NULL_COLUMN) {
      writer.null(i);
      return;
    }
  }
  const value = fetched?.get(i);
  if (value === null) writer.null(i);
  else if (value === undefined) writer.unchanged(i);
  else texts[i]!(writer, i, value, 0, value.length);
}

export function keyChanged({ keys }: StreamTable, buf: Buffer, old: Tuple, now: Tuple): boolean {
  for (const i of keys) {
    if (now.kinds[i] === UNCHANGED_COLUMN) continue;
    if (old.kinds[i] !== now.kinds[i]) return true;
    if (buf.compare(buf, old.from[i]!, old.to[i]!, now.from[i]!, now.to[i]!) !== 0) return true;
  }
  return false;
}

/** Of the row's key; columns that the tuple leaves out stand in the older one. */
export function keyTexts({ keys }: StreamTable, buf: Buffer, tuple: Tuple, older: Tuple | null): Key {
  return keys.map((i) => {
    const { from, to } = older !== null && tuple.kinds[i] === UNCHANGED_COLUMN ? older : tuple;
    return buf.toString('base64', from[i], to[i]);
  });
}
