/** Tables of the stream: described by their table maps, which say what the rows that follow look like. */
import { keyColumns, type RowWriter, type SourceOutput, type TableSchema } from '../../src/sdk/index.ts';
import { catalogTable } from './catalog.ts';
import type { Charsets } from './charsets.ts';
import { type ValueReader, valueReader } from './column-values.ts';
import { describe, kindOf } from './columns.ts';
import type { SqlSession } from './connections.ts';
import { withHints } from './mariadb-types.ts';
import type { TableName } from './names.ts';
import type { SchemaHistory } from './schema-history.ts';
import type { ServerFacts } from './server.ts';
import { unsupported } from './source-errors.ts';
import { primaryKey, readTableMap, wireColumns } from './table-map.ts';

export interface StreamTable {
  readonly label: string;
  readonly schema: TableSchema;
  readonly writer: RowWriter;
  readonly readers: readonly ValueReader[];
  /** Indexes of the columns that identify a row. */
  readonly keys: readonly number[];
  /** Their names. */
  readonly keyNames: readonly string[];
}

export interface StreamTablesOptions {
  readonly source: string;
  readonly output: SourceOutput;
  readonly sql: SqlSession;
  readonly facts: ServerFacts;
  readonly charsets: Charsets;
  readonly captured: readonly TableName[];
  /** For rows without the names of their columns; null: there are none. */
  readonly history: SchemaHistory | null;
}

interface Known {
  /** The map that the table was described by. */
  readonly bytes: Buffer;
  readonly table: StreamTable | null;
}

export class StreamTables {
  readonly #options: StreamTablesOptions;
  readonly #captured: ReadonlyMap<string, TableName>;
  readonly #known = new Map<number, Known>();
  /** Of the catalog, by label: what MariaDB's table maps do not tell. */
  readonly #hints = new Map<string, ReadonlyMap<string, string>>();

  constructor(options: StreamTablesOptions) {
    this.#options = options;
    this.#captured = new Map(options.captured.map((table) => [nameKey(table), table]));
  }

  /** Null for a table that is not captured; undefined for one that was not described. */
  get(id: number): StreamTable | null | undefined {
    return this.#known.get(id)?.table;
  }

  /** Takes in a table map at buf[from, to), behind number and flags. Usually it is the one that is known. */
  map(id: number, buf: Buffer, from: number, to: number): Promise<void> | undefined {
    const known = this.#known.get(id);
    if (known?.bytes.equals(buf.subarray(from, to)) === true) return undefined;
    const table = readTableMap(buf, from, to);
    const bytes = Buffer.from(buf.subarray(from, to));
    const name = this.#captured.get(nameKey(table));
    if (name === undefined) {
      this.#known.set(id, { bytes, table: null });
      return undefined;
    }
    return this.#describe(name, bytes).then((described) => {
      this.#known.set(id, { bytes, table: described });
    });
  }

  /** The table's columns may be others from here on. */
  altered(label: string): void {
    this.#hints.delete(label);
    for (const [id, { table }] of this.#known) if (table?.label === label) this.#known.delete(id);
  }

  /** As the catalog has it now, for a table of which no row came yet. */
  async registered({ label, ...name }: TableName): Promise<TableSchema> {
    for (const { table } of this.#known.values()) if (table?.label === label) return table.schema;
    const { sql, facts, source, output } = this.#options;
    const table = await catalogTable((text, values) => sql.rows(text, values), { label, ...name }, facts.flavor);
    if (table === undefined) throw unsupported(`the captured table ${label} is not there any more`);
    return output.register(describe(source, { label, ...name }, table.columns, table.primaryKey));
  }

  async #describe(name: TableName, bytes: Buffer): Promise<StreamTable> {
    const { charsets, source, output, facts, history } = this.#options;
    const definition = history?.of(name.label);
    const map = readTableMap(bytes, 0, bytes.length);
    const columns = withHints(
      await wireColumns(map, charsets, { flavor: facts.flavor, label: name.label, definition }),
      await this.#hintsOf(name),
    );
    const keys = primaryKey(map, definition);
    if (keys.length === 0) {
      throw unsupported(
        `${name.label} has no primary key any more: its rows cannot be told apart`,
        `give ${name.label} a primary key again, and set \`on_gap: resnapshot\` on the source to read it anew`,
      );
    }
    const readers: ValueReader[] = [];
    for (const column of columns) {
      const decoding = column.charset === '' ? 'binary' : await charsets.decoding(charsets.named(column.charset));
      const reader = kindOf(column) === undefined ? undefined : valueReader(column, decoding);
      // Invariant 5: values that cannot be read are not left out.
      if (reader === undefined)
        throw unsupported(`${name.label}.${column.name} has a type that cannot be read (${column.base})`);
      readers.push(reader);
    }
    const names = keys.map((key) => columns[key]!.name);
    const schema = output.register(describe(source, name, columns, names));
    const writer = output.writer(schema);
    return { label: name.label, schema, writer, readers, keys: keyIndexes(schema), keyNames: names };
  }

  async #hintsOf(name: TableName): Promise<ReadonlyMap<string, string>> {
    const { sql, facts } = this.#options;
    if (facts.flavor === 'mysql') return new Map();
    let hints = this.#hints.get(name.label);
    if (hints === undefined) {
      const table = await catalogTable((text, values) => sql.rows(text, values), name, facts.flavor);
      hints = new Map(table?.columns.map(({ name: column, base }) => [column, base]));
      this.#hints.set(name.label, hints);
    }
    return hints;
  }
}

/** Either name may hold a dot, none a zero byte. */
const nameKey = ({ schema, table }: { readonly schema: string; readonly table: string }): string =>
  `${schema}\0${table}`;

function keyIndexes(schema: TableSchema): number[] {
  return keyColumns(schema).map((key) => schema.columns.indexOf(key));
}
