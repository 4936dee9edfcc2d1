/**
 * The order of a table's key, in which its snapshot goes through it: as the server's indexes have it, and in this process for
 * the types whose order is known here.
 */
import type { Rows } from './catalog.ts';
import { encodedText, literalOf } from './column-sql.ts';
import { keyOf } from './descriptions.ts';
import { quoteName } from './names.ts';
import type { CapturedTable } from './publication.ts';
import type { Key } from './snapshot-state.ts';

interface KeyColumn {
  readonly name: string;
  readonly native: string;
  /** Quoted name of the collation, or null where the type has none. */
  readonly collation: string | null;
  /** How texts compare as the server compares the values; null: only the server knows. */
  readonly compares: 'integer' | 'bytes' | null;
}

/** UTF-8 keeps the order of code points, which is that of the bytes in these encodings. */
const COLUMNS_SQL = `
  SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS native,
    CASE WHEN a.attcollation <> 0 THEN quote_ident(cn.nspname) || '.' || quote_ident(c.collname) END AS collation,
    CASE WHEN t.typname IN ('int2', 'int4', 'int8', 'oid') THEN 'integer' WHEN t.typname = 'uuid' THEN 'bytes'
      WHEN t.typname IN ('text', 'varchar') AND getdatabaseencoding() IN ('UTF8', 'SQL_ASCII', 'LATIN1')
        AND (c.collname IN ('C', 'POSIX') OR c.collname = 'default' AND d.datcollate IN ('C', 'POSIX')
          AND coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c') THEN 'bytes' END AS compares
  FROM unnest($2::text[]) WITH ORDINALITY AS k(name, place)
  JOIN pg_attribute a ON a.attrelid = $1::int8::oid AND a.attname = k.name
  JOIN pg_type t ON t.oid = a.atttypid
  JOIN pg_database d ON d.datname = current_database()
  LEFT JOIN pg_collation c ON c.oid = a.attcollation LEFT JOIN pg_namespace cn ON cn.oid = c.collnamespace
  ORDER BY k.place`;

const textOf = (encoded: string) => Buffer.from(encoded, 'base64');

export class KeyOrder {
  readonly names: readonly string[];
  /** Equal while ranges of keys mean the same; `parse` reads it. */
  readonly fingerprint: string;
  /** The key columns as one row value. */
  readonly row: string;
  /** What to select for a key: one text in base64 a column, `k0`, `k1` … */
  readonly texts: string;
  /** For ORDER BY. */
  readonly list: string;
  readonly #columns: readonly KeyColumn[];

  constructor(columns: readonly KeyColumn[]) {
    const quoted = columns.map(({ name }) => quoteName(name));
    this.#columns = columns;
    this.names = columns.map(({ name }) => name);
    this.fingerprint = JSON.stringify(columns);
    this.row = `ROW(${quoted.join(', ')})`;
    this.list = quoted.join(', ');
    this.texts = quoted.map((name, i) => `${encodedText(name)} AS k${i}`).join(', ');
  }

  static parse(fingerprint: string): KeyOrder {
    return new KeyOrder(JSON.parse(fingerprint) as readonly KeyColumn[]);
  }

  /** Of the table's key as the catalog has it now. */
  static async read(rows: Rows, { catalog }: CapturedTable): Promise<KeyOrder> {
    return new KeyOrder(await rows<KeyColumn>(COLUMNS_SQL, [catalog.oid, keyOf(catalog)]));
  }

  /** From a row of what `texts` selects. */
  keyOf(row: Readonly<Record<string, string>>): Key {
    return this.#columns.map((_, i) => textOf(row[`k${i}`]!).toString('base64'));
  }

  /** The key as a row value. */
  value(key: Key): string {
    const values = this.#columns.map(({ native, collation }, i) => {
      const literal = literalOf(textOf(key[i]!), native);
      return collation === null ? literal : `${literal} COLLATE ${collation}`;
    });
    return `ROW(${values.join(', ')})`;
  }

  /** What holds for the rows behind `from` up to `to`; null where nothing bounds it. */
  within(from: Key | null, to: Key | null): string | null {
    const bounds = [
      ...(from === null ? [] : [`${this.row} > ${this.value(from)}`]),
      ...(to === null ? [] : [`${this.row} <= ${this.value(to)}`]),
    ];
    return bounds.length === 0 ? null : bounds.join(' AND ');
  }

  /** What holds for the rows with these keys. */
  among(keys: readonly Key[]): string {
    return keys.length === 0 ? 'false' : `${this.row} IN (${keys.map((key) => this.value(key)).join(', ')})`;
  }

  /** Types of the key columns, in key order. */
  get natives(): readonly string[] {
    return this.#columns.map(({ native }) => native);
  }

  /** Negative, 0 or positive; null where only the server knows. */
  compare(a: Key, b: Key): number | null {
    for (const [i, { compares }] of this.#columns.entries()) {
      if (compares === null) return null;
      const [one, other] = [textOf(a[i]!), textOf(b[i]!)];
      const order = compares === 'bytes' ? Buffer.compare(one, other) : compareIntegers(String(one), String(other));
      if (order !== 0) return order;
    }
    return 0;
  }
}

function compareIntegers(a: string, b: string): number {
  const [one, other] = [BigInt(a), BigInt(b)];
  return one < other ? -1 : one > other ? 1 : 0;
}
