/** The tables of a lookup: which of their columns are compared and taken, and what they look like with what is taken. */
import { TailraceError } from '../../contracts/errors.ts';
import { type Column, keyColumns, type TableSchema } from '../../contracts/schema.ts';
import type { LookupStep } from '../../contracts/stateful-steps.ts';
import { lookupFamily } from '../../lib/lookup-family.ts';
import { quoted } from '../../lib/printable.ts';
import { schemaId } from '../../lib/schema-id.ts';
import type { StageStore } from './stage-store.ts';

/** A table whose rows look something up. */
export interface OurShape {
  readonly input: TableSchema;
  readonly output: TableSchema;
  /** Columns that name a row of the other table. */
  readonly ours: readonly number[];
  /** The columns behind those of `input`. */
  readonly taken: readonly Column[];
  readonly isKeyed: boolean;
}

interface TheirShape {
  readonly key: readonly number[];
  /** -1: this version of the table does not have the column. */
  readonly taken: readonly number[];
}

export interface LookupShapesOptions {
  readonly step: LookupStep;
  readonly number: number;
  readonly store: StageStore;
  /** The other table as its source describes it now, behind all steps above; null: not known yet. */
  readonly described: () => TableSchema | null;
}

export class LookupShapes {
  readonly #options: LookupShapesOptions;
  readonly #ours = new Map<string, OurShape | null>();
  readonly #theirs = new Map<string, TheirShape>();
  /** The last version of each of our tables. */
  readonly #latest = new Map<string, TableSchema>();
  #other: TableSchema | null = null;

  constructor(options: LookupShapesOptions) {
    this.#options = options;
    const id = options.store.fact(this.#fact);
    if (id !== undefined) this.#other = options.store.schema(id);
  }

  get #fact(): string {
    return `other_${this.#options.number}`;
  }

  /** A record of the other table is of this version of it. */
  seen(table: TableSchema): void {
    if (this.#other?.id === table.id) return;
    const { store } = this.#options;
    this.theirs(table);
    store.keepSchema(table);
    store.setFact(this.#fact, table.id);
    this.#other = table;
    this.#ours.clear();
  }

  /** Null: rows of this table look nothing up, for they lack a column. */
  of(table: TableSchema): OurShape | null {
    const known = this.#ours.get(table.id);
    if (known !== undefined) return known;
    const shape = this.#shapeOf(table);
    this.#ours.set(table.id, shape);
    return shape;
  }

  /** A kept row is of this version of its table. */
  seenOurs(table: TableSchema): void {
    const name = tableName(table);
    if (this.#latest.get(name)?.id === table.id) return;
    const { store, number } = this.#options;
    store.keepSchema(table);
    store.setFact(`latest_${number}_${name}`, table.id);
    this.#latest.set(name, table);
  }

  /** The table of kept rows as it was seen last. */
  latest(name: string): OurShape | null {
    const known = this.#latest.get(name);
    if (known !== undefined) return this.of(known);
    const { store, number } = this.#options;
    const table = store.schema(store.fact(`latest_${number}_${name}`) ?? '');
    this.#latest.set(name, table);
    return this.of(table);
  }

  #shapeOf(table: TableSchema): OurShape | null {
    const { step } = this.#options;
    const ours = step.on.map((pair) => table.columns.findIndex(({ name }) => name === pair.ours));
    if (ours.includes(-1)) return null;
    const other = this.#otherTable();
    const { key, taken: places } = this.theirs(other);
    for (const [i, column] of ours.entries()) judgePair(table.columns[column]!, other.columns[key[i]!]!, table, other);
    const taken = step.take.map(({ as, theirs }, i): Column => {
      const { keyOrdinal: _, unsent: __, ...column } = other.columns[places[i]!] ?? this.#newColumn(other, theirs);
      return { ...column, name: as, nullable: true };
    });
    const clash = taken.find(({ name }) => table.columns.some((column) => column.name === name));
    if (clash !== undefined)
      throw misfit(`${nameOf(table)} has a column ${quoted(clash.name)} already`, 'take it under another name');
    const { source, schema, table: name } = table;
    const made = { source, schema, table: name, columns: [...table.columns, ...taken] };
    const output = { id: schemaId(made), ...made };
    return { input: table, output, ours, taken, isKeyed: keyColumns(table).length > 0 };
  }

  /** One that the records so far do not have. */
  #newColumn(other: TableSchema, name: string): Column {
    const column = this.#options.described()?.columns.find((one) => one.name === name);
    if (column !== undefined) return column;
    throw misfit(`${nameOf(other)} has no column ${quoted(name)}`, 'name one that it has');
  }

  #otherTable(): TableSchema {
    this.#other ??= this.#options.described();
    if (this.#other !== null) return this.#other;
    throw new TailraceError('stage.waits', `the table ${quoted(this.#options.step.from)} is not known yet`, {
      remedy: 'it is when its source has been reached',
    });
  }

  theirs(table: TableSchema): TheirShape {
    const known = this.#theirs.get(table.id);
    if (known !== undefined) return known;
    const { step } = this.#options;
    const place = (name: string) => table.columns.findIndex((column) => column.name === name);
    const key = step.on.map(({ theirs }) => place(theirs));
    const names = keyColumns(table).map(({ name }) => name);
    if (names.length !== key.length || step.on.some(({ theirs }) => !names.includes(theirs)))
      throw misfit(`${nameOf(table)} is not identified by what is looked up`, `name its key: ${names.join(', ')}`);
    const shape = { key, taken: step.take.map(({ theirs }) => place(theirs)) };
    this.#theirs.set(table.id, shape);
    return shape;
  }
}

/** Unambiguous, also where names hold dots. */
export const tableName = ({ source, schema, table }: TableSchema) => JSON.stringify([source, schema, table]);

function judgePair(ours: Column, theirs: Column, table: TableSchema, other: TableSchema): void {
  const family = lookupFamily(ours.kind);
  if (family !== null && family === lookupFamily(theirs.kind)) return;
  const pair = `${quoted(ours.name)} of ${nameOf(table)} and ${quoted(theirs.name)} of ${nameOf(other)}`;
  throw misfit(`${pair} cannot be compared`, 'cast one of them before');
}

const nameOf = ({ schema, table }: TableSchema) => quoted(`${schema}.${table}`);

const misfit = (message: string, remedy: string) =>
  new TailraceError('config.invalid', `a lookup does not fit: ${message}`, { remedy });
