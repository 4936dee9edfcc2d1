/**
 * Columns of the captured tables where the stream is, for table maps without names (binlog_row_metadata = MINIMAL): taken from
 * the catalog once, then followed through the statements of the log. Kept in the source's position.
 */
import { z } from '../../src/sdk/index.ts';
import { catalogTable } from './catalog.ts';
import { alteredDefinition, createdDefinition, type Definition, definition } from './column-definitions.ts';
import type { SqlSession } from './connections.ts';
import { quoteTable, type TableName } from './names.ts';
import { type FilePlace, isBefore } from './position.ts';
import { logEnd, type ServerFacts } from './server.ts';
import { gap } from './source-errors.ts';
import type { NamedTable, Token } from './tokens.ts';

const known = z.strictObject({
  ...definition.shape,
  /** Statements before this place of the log are in it already; null: none that may come. */
  since: z.strictObject({ file: z.string(), pos: z.number() }).nullable(),
});

/** By `schema.table`: captured ones, and copies that migrations may put in their place. */
export const definitions = z.record(z.string(), known);

export type KnownDefinition = z.output<typeof known>;
export type Definitions = z.output<typeof definitions>;

export type Made = { readonly like: NamedTable } | { readonly definition: readonly Token[] };

const MAX_TRIES = 20;

export class SchemaHistory {
  #tables: Definitions;
  readonly #changed: (tables: Definitions) => void;
  readonly #at: () => FilePlace;

  /** @param at where the stream is @param changed what is to be kept from now on */
  constructor(tables: Definitions, at: () => FilePlace, changed: (tables: Definitions) => void) {
    this.#tables = tables;
    this.#at = at;
    this.#changed = changed;
  }

  of(label: string): Definition | undefined {
    return this.#tables[label];
  }

  /** False when the statement is not understood. */
  alter(label: string, clauses: readonly (readonly Token[])[]): boolean {
    const before = this.#tables[label];
    if (before === undefined) return false;
    if (this.#isOld(before)) return true;
    const now = alteredDefinition(before, clauses);
    if (now !== null) this.#set({ ...this.#tables, [label]: { columns: now.columns, keys: now.keys, since: null } });
    return now !== null;
  }

  /** Of a table that may take the place of a captured one; what is not understood is missing then. */
  alterCopy(name: NamedTable, clauses: readonly (readonly Token[])[]): void {
    const label = labelOf(name);
    if (this.#tables[label] !== undefined && !this.alter(label, clauses)) this.#drop(label);
  }

  create(name: NamedTable, made: Made): void {
    const like = 'like' in made ? this.#tables[labelOf(made.like)] : createdDefinition(made.definition);
    if (like === undefined || like === null) this.#drop(labelOf(name));
    else this.#set({ ...this.#tables, [labelOf(name)]: { columns: like.columns, keys: like.keys, since: null } });
  }

  /** The copy takes the place of the captured table. False when its columns are not known. */
  swap(label: string, copy: NamedTable): boolean {
    const { [labelOf(copy)]: now, ...others } = this.#tables;
    if (this.#isOld(this.#tables[label])) return true;
    if (now === undefined) return false;
    this.#set({ ...others, [label]: now });
    return true;
  }

  /** The statement that ends here is in it already. */
  #isOld(table: KnownDefinition | undefined): boolean {
    return table !== undefined && table.since !== null && !isBefore(table.since, this.#at());
  }

  #drop(label: string): void {
    const { [label]: gone, ...others } = this.#tables;
    if (gone !== undefined) this.#set(others);
  }

  #set(tables: Definitions): void {
    this.#tables = tables;
    this.#changed(tables);
  }
}

const labelOf = ({ schema, table }: NamedTable): string => `${schema}.${table}`;

/** The table as the catalog has it, and up to where in the log that counts. */
export async function currentDefinition(
  sql: SqlSession,
  facts: ServerFacts,
  table: TableName,
): Promise<KnownDefinition> {
  const read = async (): Promise<Definition> => {
    // Waits for a statement that changes it: what is in the log is in the catalog then.
    await sql.rows(`SELECT 1 FROM ${quoteTable(table)} LIMIT 0`);
    const catalog = await catalogTable((text, values) => sql.rows(text, values), table, facts.flavor);
    if (catalog === undefined) throw gap(`the captured table ${table.label} was dropped or renamed`);
    const columns = catalog.columns.map(({ name, base, labels }) => ({
      name,
      labels: base === 'enum' || base === 'set' ? [...labels] : null,
    }));
    return { columns, keys: [...catalog.primaryKey] };
  };
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const before = await read();
    const { file, pos } = await logEnd(sql, facts);
    const after = await read();
    if (JSON.stringify(before) === JSON.stringify(after)) return { ...after, since: { file, pos } };
  }
  throw gap(`the captured table ${table.label} changes again and again`, 'start Tailrace when its migration is over');
}
