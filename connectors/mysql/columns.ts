/** Columns as snapshot and stream both know them, and their neutral description, so that both name the same schema. */
import type { Column, Kind, TableDescription } from '../../src/sdk/index.ts';
import type { TableName } from './names.ts';

export interface SourceColumn {
  readonly name: string;
  /** As `information_schema.columns.data_type` has it: `int`, `varchar`, `longtext`, `enum`, `point` … */
  readonly base: string;
  readonly unsigned: boolean;
  /** Characters, bytes or bits. */
  readonly length: number;
  readonly precision: number;
  /** Digits after the point, also of a second. */
  readonly scale: number;
  readonly labels: readonly string[];
  readonly nullable: boolean;
  /** Of its text; empty for others. */
  readonly charset: string;
}

const KINDS: Readonly<Record<string, Kind>> = {
  tinyint: 'int16',
  smallint: 'int16',
  mediumint: 'int32',
  int: 'int32',
  bigint: 'int64',
  float: 'float32',
  double: 'float64',
  decimal: 'decimal',
  date: 'date',
  time: 'time',
  datetime: 'timestamp',
  timestamp: 'timestamptz',
  year: 'int16',
  bit: 'bits',
  enum: 'enum',
  json: 'json',
  vector: 'vector',
  uuid: 'uuid',
  binary: 'bytes',
  varbinary: 'bytes',
  tinyblob: 'bytes',
  blob: 'bytes',
  mediumblob: 'bytes',
  longblob: 'bytes',
};
const UNSIGNED_KINDS: Readonly<Record<string, Kind>> = { smallint: 'int32', int: 'int64', bigint: 'uint64' };
export const GEOMETRIES = [
  'geometry',
  'point',
  'linestring',
  'polygon',
  'multipoint',
  'multilinestring',
  'multipolygon',
  'geometrycollection',
] as const;
const TEXTS = ['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext', 'set'];
/** Written as text, with no kind of their own. */
const OTHERS = ['inet4', 'inet6'];
const LENGTHS = ['char', 'varchar', 'binary', 'varbinary', 'bit', 'vector'];
const FRACTIONS = ['time', 'datetime', 'timestamp'];
const WHOLE = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint'];

type Typed = Pick<SourceColumn, 'base' | 'unsigned'>;

/** Of whole numbers. */
export const isWhole = ({ base }: Typed): boolean => WHOLE.includes(base) || base === 'year';

/** Undefined for a type whose values cannot be read. */
export function kindOf({ base, unsigned }: Typed): Kind | undefined {
  if (TEXTS.includes(base)) return 'text';
  if (OTHERS.includes(base)) return 'other';
  if ((GEOMETRIES as readonly string[]).includes(base)) return 'geometry';
  if (unsigned && Object.hasOwn(UNSIGNED_KINDS, base)) return UNSIGNED_KINDS[base];
  return Object.hasOwn(KINDS, base) ? KINDS[base] : undefined;
}

/** The type as `column_type` has it, without what only concerns its display (widths, ZEROFILL) and what nobody stores. */
export function nativeOf({ base, unsigned, length, precision, scale, labels }: SourceColumn): string {
  const sign = unsigned ? ' unsigned' : '';
  if (WHOLE.includes(base)) return base + sign;
  if (base === 'decimal') return `decimal(${precision},${scale})${sign}`;
  if (LENGTHS.includes(base)) return `${base}(${length})`;
  if (FRACTIONS.includes(base)) return scale === 0 ? base : `${base}(${scale})`;
  // PostGIS' names: `point` and `polygon` mean something else in other systems.
  if (base !== 'geometry' && (GEOMETRIES as readonly string[]).includes(base)) return `geometry(${base})`;
  if (base === 'enum' || base === 'set') {
    return `${base}(${labels.map((label) => `'${label.replaceAll("'", "''")}'`).join(',')})`;
  }
  return base;
}

/** @param keys names of the primary key's columns, in order */
export function describe(
  source: string,
  { schema, table }: TableName,
  columns: readonly SourceColumn[],
  keys: readonly string[],
): TableDescription {
  return {
    source,
    schema,
    table,
    columns: columns.map((column): Column => {
      const { name, base, length, precision, scale, labels, nullable } = column;
      const ordinal = keys.indexOf(name);
      return {
        name,
        kind: kindOf(column) ?? 'other',
        native: nativeOf(column),
        nullable: nullable && ordinal < 0,
        ...(LENGTHS.includes(base) ? { length } : {}),
        ...(base === 'decimal' ? { precision, scale } : {}),
        ...(FRACTIONS.includes(base) ? { precision: scale } : {}),
        ...(base === 'enum' ? { enum: labels } : {}),
        ...(ordinal < 0 ? {} : { keyOrdinal: ordinal + 1 }),
      };
    }),
  };
}
