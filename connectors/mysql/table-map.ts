/**
 * The table map event with all its metadata (binlog_row_metadata=FULL): database, table, types, and by numbered fields
 * signs, character sets, names, labels, the primary key.
 */
import type { Charsets } from './charsets.ts';
import type { Definition } from './column-definitions.ts';
import { ColumnType, metaBytes } from './column-types.ts';
import { GEOMETRIES, type SourceColumn } from './columns.ts';
import { need, unsupported } from './source-errors.ts';

/** A column as the rows of the stream have it. */
export interface WireColumn extends SourceColumn {
  /** `ColumnType`. */
  readonly type: number;
  /** Of the type: bytes as they stand in the event, low first. */
  readonly meta: number;
}

export interface TableMap {
  readonly schema: string;
  readonly table: string;
  readonly types: readonly number[];
  readonly metas: readonly number[];
  readonly nullable: readonly boolean[];
  /** Fields of the optional metadata, by number. */
  readonly fields: ReadonlyMap<number, Buffer>;
}

/** Numbers of optional metadata. */
const SIGNEDNESS = 1;
const DEFAULT_CHARSET = 2;
const COLUMN_CHARSET = 3;
const COLUMN_NAME = 4;
const SET_LABELS = 5;
const ENUM_LABELS = 6;
const GEOMETRY_TYPE = 7;
const PRIMARY_KEY = 8;
const PRIMARY_KEY_WITH_PREFIX = 9;
const LABELS_DEFAULT_CHARSET = 10;
const LABELS_COLUMN_CHARSET = 11;
const VECTOR_DIMENSIONS = 13;

const BINARY_COLLATION = 63;

/** @param from behind the table's number and flags */
export function readTableMap(buf: Buffer, from: number, to: number): TableMap {
  const reader = new Reader(buf, from, to);
  const schema = reader.shortString();
  const table = reader.shortString();
  const count = reader.number();
  const types = [...reader.bytes(count)];
  const metaEnd = reader.number() + reader.at;
  const metas = types.map((type) => {
    const bytes = metaBytes(type);
    let meta = 0;
    for (let i = 0; i < bytes; i++) meta += reader.byte() << (8 * i);
    return meta;
  });
  need(reader.at === metaEnd);
  const nulls = reader.bytes((count + 7) >> 3);
  const nullable = types.map((_, i) => ((nulls[i >> 3]! >> (i & 7)) & 1) === 1);
  const fields = new Map<number, Buffer>();
  while (reader.at < to) {
    const field = reader.byte();
    fields.set(field, reader.bytes(reader.number()));
  }
  return { schema, table, types, metas, nullable, fields };
}

export interface WireTable {
  readonly flavor: 'mysql' | 'mariadb';
  readonly label: string;
  /** The table where the stream is, for maps without names. */
  readonly definition: Definition | undefined;
}

/** Throws `source.unsupported` without names: nothing else says which column is which. */
export async function wireColumns(
  map: TableMap,
  charsets: Charsets,
  { flavor, label, definition }: WireTable,
): Promise<WireColumn[]> {
  const own = strings(map.fields.get(COLUMN_NAME));
  const names = own.length > 0 ? own : (definition?.columns.map(({ name }) => name) ?? []);
  if (own.length === 0 && definition !== undefined) checkDefinition(map, definition, label);
  if (names.length !== map.types.length) {
    throw unsupported(
      `${label} was written without the names of its columns (binlog_row_metadata was MINIMAL)`,
      'SET GLOBAL binlog_row_metadata = FULL; then set `on_gap: resnapshot` on the source',
    );
  }
  const real = map.types.map((type, i) => realType(type, map.metas[i]!));
  const unsigned = signs(map, real);
  // Each counts one more type among its texts.
  const also = flavor === 'mysql' ? ColumnType.VECTOR : ColumnType.GEOMETRY;
  const counted = (type: number) => isText(type) || type === also;
  const collations = collationsOf(map, real, counted, DEFAULT_CHARSET, COLUMN_CHARSET);
  const ofLabels =
    own.length > 0
      ? collationsOf(map, real, isListed, LABELS_DEFAULT_CHARSET, LABELS_COLUMN_CHARSET)
      : new Map<number, number>();
  const lists = {
    [ColumnType.ENUM]: labelLists(map.fields.get(ENUM_LABELS)),
    [ColumnType.SET]: labelLists(map.fields.get(SET_LABELS)),
  };
  const geometries = numbers(map.fields.get(GEOMETRY_TYPE));
  const dimensions = numbers(map.fields.get(VECTOR_DIMENSIONS));
  const columns: WireColumn[] = [];
  for (const [i, type] of real.entries()) {
    const collation = collations.get(i) ?? ofLabels.get(i);
    const charset = collation === undefined ? null : charsets.of(collation);
    const listed = own.length > 0 ? undefined : definition?.columns[i]?.labels;
    const labels = !isListed(type)
      ? []
      : (listed ?? (await labelTexts(lists[type as 247 | 248]?.shift(), charset, charsets)));
    const geometry = type === ColumnType.GEOMETRY ? (geometries.shift() ?? 0) : 0;
    const vector = type === ColumnType.VECTOR ? (dimensions.shift() ?? 0) : 0;
    const shape = shapeOf(type, map.metas[i]!, collation === BINARY_COLLATION, charset?.maxBytes ?? 1);
    columns.push({
      ...shape,
      ...(type === ColumnType.GEOMETRY ? { base: GEOMETRIES[geometry] ?? 'geometry' } : {}),
      ...(type === ColumnType.VECTOR ? { length: vector } : {}),
      name: names[i]!,
      type,
      meta: map.metas[i]!,
      unsigned: unsigned.has(i),
      labels,
      nullable: map.nullable[i]!,
      charset: charset === null || collation === BINARY_COLLATION ? '' : charset.name,
    });
  }
  return columns;
}

/** Indexes of the primary key's columns, in order; empty without one. */
export function primaryKey({ fields, types }: TableMap, definition: Definition | undefined): number[] {
  if (!fields.has(COLUMN_NAME) && definition !== undefined) {
    return definition.keys.map((key) => definition.columns.findIndex(({ name }) => name === key));
  }
  const plain = numbers(fields.get(PRIMARY_KEY));
  const prefixed = numbers(fields.get(PRIMARY_KEY_WITH_PREFIX)).filter((_, i) => i % 2 === 0);
  const keys = plain.length > 0 ? plain : prefixed;
  need(keys.every((key) => key < types.length));
  return keys;
}

/** Invariant 5: columns are not taken for others. */
function checkDefinition({ types, metas }: TableMap, { columns }: Definition, label: string): void {
  const listed = types.map((type, i) => isListed(realType(type, metas[i]!)));
  if (columns.length === types.length && columns.every(({ labels }, i) => (labels !== null) === listed[i])) return;
  throw unsupported(
    `${label} has other columns in the binary log than the statements before say (binlog_row_metadata is MINIMAL)`,
    'SET GLOBAL binlog_row_metadata = FULL; then set `on_gap: resnapshot` on the source',
  );
}

/** ENUM and SET stand as strings, their true type in the metadata; so do long CHARs, with bits of their length. */
function realType(type: number, meta: number): number {
  if (type !== ColumnType.STRING) return type;
  const first = meta & 0xff;
  return first === ColumnType.ENUM || first === ColumnType.SET ? first : type;
}

const isNumber = (type: number): boolean =>
  [1, 2, 3, 4, 5, 8, 9, ColumnType.YEAR, ColumnType.NEWDECIMAL].includes(type);
const isText = (type: number): boolean =>
  ([ColumnType.STRING, ColumnType.VAR_STRING, ColumnType.VARCHAR] as readonly number[]).includes(type) ||
  (type >= 249 && type <= 252);
const isListed = (type: number): boolean => type === ColumnType.ENUM || type === ColumnType.SET;

/** Of numeric columns only, one bit each, the highest first. A YEAR is a number too. */
function signs({ fields }: TableMap, types: readonly number[]): Set<number> {
  const bits = fields.get(SIGNEDNESS) ?? Buffer.alloc(0);
  const numeric = types.flatMap((type, i) => (isNumber(type) ? [i] : []));
  need(bits.length * 8 >= numeric.length);
  return new Set(numeric.filter((_, place) => ((bits[place >> 3]! >> (7 - (place & 7))) & 1) === 1));
}

/** Collation by column: a default with exceptions, or each its own. Places count only the columns of the sort. */
function collationsOf(
  { fields }: TableMap,
  types: readonly number[],
  concerns: (type: number) => boolean,
  byDefault: number,
  each: number,
): Map<number, number> {
  const columns = types.flatMap((type, i) => (concerns(type) ? [i] : []));
  const listed = fields.get(each);
  if (listed !== undefined) {
    const collations = numbers(listed);
    need(collations.length === columns.length);
    return new Map(columns.map((column, place) => [column, collations[place]!]));
  }
  const [collation, ...exceptions] = numbers(fields.get(byDefault));
  if (collation === undefined) {
    need(columns.length === 0);
    return new Map();
  }
  const found = new Map(columns.map((column) => [column, collation]));
  for (let i = 0; i + 1 < exceptions.length; i += 2) {
    const column = columns[exceptions[i]!];
    need(column !== undefined);
    found.set(column, exceptions[i + 1]!);
  }
  return found;
}

type Shape = Pick<SourceColumn, 'base' | 'length' | 'precision' | 'scale'>;

function shapeOf(type: number, meta: number, binary: boolean, maxBytes: number): Shape {
  const shape = (base: string, length = 0, precision = 0, scale = 0): Shape => ({ base, length, precision, scale });
  switch (type) {
    case ColumnType.NEWDECIMAL:
      return shape('decimal', 0, meta & 0xff, meta >> 8);
    case ColumnType.STRING: {
      const bytes = stringBytes(meta);
      return binary ? shape('binary', bytes) : shape('char', bytes / maxBytes);
    }
    case ColumnType.VARCHAR:
    case ColumnType.VAR_STRING:
      return binary ? shape('varbinary', meta) : shape('varchar', meta / maxBytes);
    case ColumnType.BLOB: {
      const size = ['', 'tiny', '', 'medium', 'long'][meta];
      need(size !== undefined && meta > 0);
      return shape(`${size}${binary ? 'blob' : 'text'}`);
    }
    case ColumnType.BIT:
      return shape('bit', (meta & 0xff) + 8 * (meta >> 8));
    case ColumnType.TIME2:
    case ColumnType.DATETIME2:
    case ColumnType.TIMESTAMP2:
      return shape(BASES[type]!, 0, 0, meta);
    default:
      return shape(BASES[type] ?? `type ${type}`);
  }
}

/** Bytes of a CHAR or BINARY: two bits of the length hide in the type. */
export const stringBytes = (meta: number): number => (((meta & 0xff & 0x30) ^ 0x30) << 4) | (meta >> 8);

const BASES: Readonly<Record<number, string>> = {
  [ColumnType.TINY]: 'tinyint',
  [ColumnType.SHORT]: 'smallint',
  [ColumnType.INT24]: 'mediumint',
  [ColumnType.LONG]: 'int',
  [ColumnType.LONGLONG]: 'bigint',
  [ColumnType.FLOAT]: 'float',
  [ColumnType.DOUBLE]: 'double',
  [ColumnType.DATE]: 'date',
  [ColumnType.YEAR]: 'year',
  [ColumnType.TIME2]: 'time',
  [ColumnType.DATETIME2]: 'datetime',
  [ColumnType.TIMESTAMP2]: 'timestamp',
  [ColumnType.ENUM]: 'enum',
  [ColumnType.SET]: 'set',
  [ColumnType.JSON]: 'json',
  [ColumnType.VECTOR]: 'vector',
};

async function labelTexts(
  labels: readonly Buffer[] | undefined,
  charset: { readonly name: string; readonly maxBytes: number } | null,
  charsets: Charsets,
): Promise<string[]> {
  need(labels !== undefined);
  const decoding = charset === null ? 'utf8' : await charsets.decoding(charset);
  return labels.map((label) => {
    if (typeof decoding === 'string') return label.toString('utf8');
    const { out, end } = decoding(label, 0, label.length);
    return out.toString('utf8', 0, end);
  });
}

function strings(field: Buffer | undefined): string[] {
  if (field === undefined) return [];
  const reader = new Reader(field, 0, field.length);
  const found: string[] = [];
  while (reader.at < field.length) found.push(reader.bytes(reader.number()).toString('utf8'));
  return found;
}

function labelLists(field: Buffer | undefined): Buffer[][] {
  if (field === undefined) return [];
  const reader = new Reader(field, 0, field.length);
  const found: Buffer[][] = [];
  while (reader.at < field.length) {
    const labels: Buffer[] = [];
    for (let left = reader.number(); left > 0; left--) labels.push(reader.bytes(reader.number()));
    found.push(labels);
  }
  return found;
}

function numbers(field: Buffer | undefined): number[] {
  if (field === undefined) return [];
  const reader = new Reader(field, 0, field.length);
  const found: number[] = [];
  while (reader.at < field.length) found.push(reader.number());
  return found;
}

/** Reads on, never past the end. */
class Reader {
  at: number;
  readonly #buf: Buffer;
  readonly #to: number;

  constructor(buf: Buffer, from: number, to: number) {
    this.#buf = buf;
    this.at = from;
    this.#to = to;
  }

  byte(): number {
    need(this.at < this.#to);
    return this.#buf[this.at++]!;
  }

  bytes(length: number): Buffer {
    need(length >= 0 && this.at + length <= this.#to);
    this.at += length;
    return this.#buf.subarray(this.at - length, this.at);
  }

  /** Length-encoded integer. */
  number(): number {
    const first = this.byte();
    if (first < 0xfb) return first;
    const width = { 252: 2, 253: 3, 254: 8 }[first];
    need(width !== undefined);
    const bytes = this.bytes(width);
    const value = width === 8 ? Number(bytes.readBigUInt64LE()) : bytes.readUIntLE(0, width);
    need(Number.isSafeInteger(value));
    return value;
  }

  /** One byte of length, text, a zero byte. */
  shortString(): string {
    const text = this.bytes(this.byte()).toString('utf8');
    need(this.byte() === 0);
    return text;
  }
}
