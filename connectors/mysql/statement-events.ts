/** What the statements of the binary log mean for the captured tables. Throws where changes are not in it as rows (Invariant 5). */
import type { TableName } from './names.ts';
import type { Made, SchemaHistory } from './schema-history.ts';
import { gap, unsupported } from './source-errors.ts';
import type { Statement } from './statement-text.ts';
import { type Effect, effectOf, mentions, namedBy } from './statements.ts';
import type { NamedTable, Token } from './tokens.ts';

export type CapturedEffect =
  | { readonly kind: 'begin' | 'commit' | 'rollback' | 'rollback-to' | 'xa-end' | 'none' }
  | { readonly kind: 'truncate' | 'altered'; readonly table: TableName };

const NONE: CapturedEffect = { kind: 'none' };

export class StatementEvents {
  readonly #captured: readonly TableName[];
  readonly #anyCase: boolean;
  readonly #history: SchemaHistory | null;

  /**
   * @param anyCase names of tables are the same in upper and lower case (lower_case_table_names)
   * @param history follows the columns; null: the rows say which they have
   */
  constructor(captured: readonly TableName[], anyCase: boolean, history: SchemaHistory | null) {
    this.#captured = captured;
    this.#anyCase = anyCase;
    this.#history = history;
  }

  captured(label: string): TableName {
    return this.#captured.find((table) => table.label === label)!;
  }

  effect({ sql, schema, ansiQuotes, whole, ifMade }: Statement): CapturedEffect {
    // The two most frequent, without a look at their words.
    if (sql === 'BEGIN') return { kind: 'begin' };
    if (sql === 'COMMIT') return { kind: 'commit' };
    const effect = effectOf(sql, schema, ansiQuotes);
    // Invariant 5: of what has no rows the first words say so; any other may name a captured table or its columns.
    if (!whole && effect.kind !== 'none') throw unread('that cannot be read');
    if (ifMade !== null) {
      const texts: readonly (readonly [string, Effect])[] = [
        [sql, effect],
        [ifMade, effectOf(ifMade, schema, ansiQuotes)],
      ];
      if (texts.some(([text, one]) => this.#concerns(text, one))) throw unread('that is not certain');
    }
    switch (effect.kind) {
      case 'truncate': {
        const table = this.#find(effect.table);
        return table === undefined ? NONE : { kind: effect.kind, table };
      }
      case 'altered':
        return this.#altered(effect.table, effect.clauses);
      case 'replaced':
        return this.#replaced(effect.tables, effect.by, effect.made);
      case 'renamed':
        return this.#renamed(effect.pairs);
      case 'schema-dropped':
        return this.#schemaDropped(effect.schema);
      case 'dml':
        throw unsupported(
          `the binary log has a statement (${effect.verb}) in place of the rows that it changed`,
          'SET GLOBAL binlog_format = ROW, and in the sessions that set another; then set `on_gap: resnapshot` on the source',
        );
      case 'unknown':
        return this.#unknown(sql);
      default:
        return effect;
    }
  }

  #find({ schema, table }: NamedTable): TableName | undefined {
    return this.#captured.find((one) => this.#same(one.schema, schema) && this.#same(one.table, table));
  }

  #same(a: string, b: string): boolean {
    return a === b || (this.#anyCase && a.toLowerCase() === b.toLowerCase());
  }

  /** True when it may change a captured table, or one that may take its place. */
  #concerns(sql: string, effect: Effect): boolean {
    if (effect.kind === 'schema-dropped') return this.#captured.some(({ schema }) => this.#same(schema, effect.schema));
    if (effect.kind === 'unknown') return this.#captured.some(({ table }) => mentions(sql, table));
    return namedBy(effect).some((table) => this.#find(table) !== undefined || this.#isCopy(table));
  }

  #altered(name: NamedTable, clauses: readonly (readonly Token[])[]): CapturedEffect {
    const table = this.#find(name);
    if (table === undefined) {
      if (this.#isCopy(name)) this.#history?.alterCopy(name, clauses);
      return NONE;
    }
    if (this.#history?.alter(table.label, clauses) === false) throw notFollowed(table, 'an ALTER TABLE');
    return { kind: 'altered', table };
  }

  /** A table that a migration may put in the place of a captured one. */
  #isCopy({ schema, table }: NamedTable): boolean {
    return this.#captured.some((one) => this.#same(one.schema, schema) && isCopyOf(table, one.table));
  }

  #replaced(tables: readonly NamedTable[], by: string, made?: Made): CapturedEffect {
    for (const named of tables) {
      if (made !== undefined && this.#isCopy(named)) this.#history?.create(named, made);
      const table = this.#find(named);
      if (table !== undefined)
        throw gap(`rows of ${table.label} went or came by ${by}, which the binary log does not have as rows`);
    }
    return NONE;
  }

  #renamed(pairs: readonly (readonly [NamedTable, NamedTable])[]): CapturedEffect {
    const migrated = this.#migrated(pairs);
    if (migrated !== undefined) {
      if (this.#history?.swap(migrated.label, pairs[1]![0]) === false) throw notFollowed(migrated, 'a migration');
      return { kind: 'altered', table: migrated };
    }
    for (const table of pairs.flat()) {
      const found = this.#find(table);
      if (found === undefined) continue;
      throw gap(
        `the captured table ${found.label} was renamed, or another was given its name`,
        'correct `tables:` if need be, and set `on_gap: resnapshot` on the source, then start Tailrace',
      );
    }
    return NONE;
  }

  /**
   * The last step of pt-online-schema-change and gh-ost: the table makes way for a copy of it with the same rows, whose
   * name is made of its own.
   */
  #migrated(pairs: readonly (readonly [NamedTable, NamedTable])[]): TableName | undefined {
    const [old, copy] = pairs;
    if (pairs.length !== 2 || old === undefined || copy === undefined) return undefined;
    const table = this.#find(old[0]);
    if (table === undefined || this.#find(copy[1]) !== table) return undefined;
    const name = old[0].table;
    const from = copy[0].table;
    const sameSchema = [old[1], copy[0]].every(({ schema }) => this.#same(schema, old[0].schema));
    const ptOsc = new RegExp(`^_+${escaped(name)}_old$`).test(old[1].table);
    const ghOst = /^_.*_del$/.test(old[1].table);
    const isNew = isCopyOf(from, name) && (from.endsWith('_new') ? ptOsc : ghOst);
    return sameSchema && isNew ? table : undefined;
  }

  #schemaDropped(schema: string): CapturedEffect {
    const table = this.#captured.find((one) => this.#same(one.schema, schema));
    if (table !== undefined) throw gap(`the database of ${table.label} was dropped`);
    return NONE;
  }

  #unknown(sql: string): CapturedEffect {
    const table = this.#captured.find((one) => mentions(sql, one.table));
    if (table === undefined) return NONE;
    throw unsupported(
      `the binary log has a statement that is not understood and may concern ${table.label}`,
      'set `on_gap: resnapshot` on the source to read its tables as they are now',
    );
  }
}

/** As pt-online-schema-change and gh-ost name theirs. */
const isCopyOf = (copy: string, table: string): boolean =>
  copy === `_${table}_gho` || new RegExp(`^_+${escaped(table)}_new$`).test(copy);

function unread(which: string): Error {
  return unsupported(
    `the binary log has a statement in a character set ${which}, which may change a captured table`,
    'send such statements after SET NAMES utf8mb4; set `on_gap: resnapshot` on the source to read its tables as they are now',
  );
}

function notFollowed({ label }: TableName, what: string): Error {
  return unsupported(
    `${what} of ${label} is not understood, and rows come without the names of their columns (binlog_row_metadata is MINIMAL)`,
    'SET GLOBAL binlog_row_metadata = FULL; then set `on_gap: resnapshot` on the source',
  );
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
