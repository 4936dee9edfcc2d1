/** What the server's catalog says of a table. */

import type { SourceColumn } from './columns.ts';
import type { TableName } from './names.ts';
import type { Rows } from './rows.ts';

export interface CatalogTable {
  /** `BASE TABLE`, `VIEW`, `SYSTEM VERSIONED` … */
  readonly type: string;
  readonly engine: string;
  readonly columns: readonly CatalogColumn[];
  /** Names of the primary key's columns, in order. */
  readonly primaryKey: readonly string[];
}

export interface CatalogColumn extends SourceColumn {
  /** `column_type` as it stands there. */
  readonly declared: string;
  /** Of its text; empty for others. */
  readonly collation: string;
}

interface ColumnRow {
  readonly name: string;
  readonly base: string;
  readonly declared: string;
  readonly chars: string | null;
  readonly num_precision: string | null;
  readonly num_scale: string | null;
  readonly fraction: string | null;
  readonly charset: string | null;
  readonly collation: string | null;
  readonly nullable: string;
  readonly json: string;
}

/** MariaDB's JSON is a text that a constraint checks. */
const JSON_CHECK = `EXISTS (SELECT 1 FROM information_schema.check_constraints k
   WHERE k.constraint_schema = c.table_schema AND k.table_name = c.table_name AND k.constraint_name = c.column_name
     AND k.check_clause = CONCAT('json_valid(\`', c.column_name, '\`)'))`;

/** By name, byte for byte; undefined when it does not exist or may not be seen. */
export async function catalogTable(
  rows: Rows,
  { schema, table }: TableName,
  flavor: 'mysql' | 'mariadb',
): Promise<CatalogTable | undefined> {
  const [found] = await rows<{ type: string; engine: string | null }>(
    `SELECT table_type AS type, engine AS engine FROM information_schema.tables
     WHERE table_schema = ? AND table_name = ? AND BINARY table_name = BINARY ?`,
    [schema, table, table],
  );
  if (found === undefined) return undefined;
  const json = flavor === 'mariadb' ? `CASE WHEN c.data_type = 'longtext' AND ${JSON_CHECK} THEN 1 ELSE 0 END` : '0';
  const columns = await rows<ColumnRow>(
    `SELECT c.column_name AS name, LOWER(c.data_type) AS base, c.column_type AS declared,
       c.character_maximum_length AS chars, c.numeric_precision AS num_precision, c.numeric_scale AS num_scale,
       c.datetime_precision AS fraction, c.character_set_name AS charset, c.collation_name AS collation,
       c.is_nullable AS nullable, ${json} AS json
     FROM information_schema.columns c WHERE c.table_schema = ? AND c.table_name = ? ORDER BY c.ordinal_position`,
    [schema, table],
  );
  const keys = await rows<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.statistics
     WHERE table_schema = ? AND table_name = ? AND index_name = 'PRIMARY' ORDER BY seq_in_index`,
    [schema, table],
  );
  return {
    type: found.type,
    engine: found.engine ?? '',
    columns: columns.map(columnOf),
    primaryKey: keys.map(({ name }) => name),
  };
}

function columnOf(row: ColumnRow): CatalogColumn {
  const { name, declared, chars, num_precision, num_scale, fraction, charset, collation, nullable } = row;
  const base = row.json === '1' ? 'json' : baseOf(row.base);
  const listed = base === 'enum' || base === 'set';
  return {
    name,
    base,
    declared,
    unsigned: / unsigned/i.test(declared),
    length:
      base === 'bit' ? Number(num_precision ?? 1) : base === 'vector' ? vectorLength(declared) : Number(chars ?? 0),
    precision: base === 'decimal' ? Number(num_precision) : 0,
    scale: base === 'decimal' ? Number(num_scale) : Number(fraction ?? 0),
    labels: listed ? labelsOf(declared) : [],
    nullable: nullable === 'YES',
    charset: charset ?? '',
    collation: collation ?? '',
  };
}

/** MySQL 8 says `geomcollection`. */
const baseOf = (base: string): string => (base === 'geomcollection' ? 'geometrycollection' : base);

const vectorLength = (declared: string): number => Number(/\((\d+)\)/.exec(declared)?.[1] ?? 0);

/** `enum('a','it''s')` → labels. */
function labelsOf(declared: string): string[] {
  const list = declared.slice(declared.indexOf('(') + 1, declared.lastIndexOf(')'));
  return [...list.matchAll(/'((?:[^']|'')*)'/g)].map(([, label = '']) => label.replaceAll("''", "'"));
}
