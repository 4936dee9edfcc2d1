/** Column types of target tables: which one is made for a source column, and whether one that exists can hold it. */
import type { Column, Kind } from '../../src/sdk/index.ts';

const TYPE_OF_KIND: Readonly<Record<Exclude<Kind, 'array'>, string>> = {
  bool: 'boolean',
  int16: 'smallint',
  int32: 'integer',
  int64: 'bigint',
  uint64: 'numeric(20,0)',
  float32: 'real',
  float64: 'double precision',
  decimal: 'numeric',
  text: 'text',
  bytes: 'bytea',
  date: 'date',
  time: 'time without time zone',
  timetz: 'time with time zone',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  interval: 'interval',
  uuid: 'uuid',
  // Not jsonb, which drops white space, order and repeated names (Invariant 9).
  json: 'json',
  enum: 'text',
  range: 'text',
  composite: 'text',
  geometry: 'text',
  vector: 'text',
  bits: 'bit varying',
  other: 'text',
};

/** Kinds of the built-in types whose text another kind does not share. `native` of other systems may bear these names. */
const KIND_OF_TYPE: Readonly<Record<string, Kind>> = {
  boolean: 'bool',
  smallint: 'int16',
  integer: 'int32',
  bigint: 'int64',
  real: 'float32',
  'double precision': 'float64',
  numeric: 'decimal',
  text: 'text',
  'character varying': 'text',
  character: 'text',
  bpchar: 'text',
  '"char"': 'text',
  name: 'text',
  bytea: 'bytes',
  date: 'date',
  'time without time zone': 'time',
  'time with time zone': 'timetz',
  'timestamp without time zone': 'timestamp',
  'timestamp with time zone': 'timestamptz',
  interval: 'interval',
  uuid: 'uuid',
  json: 'json',
  jsonb: 'json',
  bit: 'bits',
  '"bit"': 'bits',
  'bit varying': 'bits',
};

/** The type for a column whose `native` means nothing here. */
export function typeOfKind(column: Column): string {
  if (column.kind === 'array') return `${TYPE_OF_KIND[scalar(column.element)]}[]`;
  if (column.kind !== 'decimal' || column.precision === undefined) return TYPE_OF_KIND[column.kind];
  return `numeric(${column.precision},${column.scale ?? 0})`;
}

function scalar(kind: Kind | undefined): Exclude<Kind, 'array'> {
  return kind === undefined || kind === 'array' ? 'text' : kind;
}

/** A `native` that is safe to stand in DDL once the server has parsed it as a type: no comments, no quotes of strings. */
export function isPlainTypeName(native: string): boolean {
  return /^[\p{L}\p{N}_ ".,()[\]-]+$/u.test(native) && !native.includes('--');
}

/** Does the server's type `name` (format_type without modifiers) mean what the column's kind says? */
export function meansKind(name: string, column: Column): boolean {
  const isArray = name.endsWith('[]');
  if (isArray !== (column.kind === 'array')) return false;
  const known = own(KIND_OF_TYPE, name.replace(/(\[\])+$/, ''));
  return known === undefined || known === (isArray ? column.element : column.kind);
}

/** A type with its modifiers, as `format_type` writes it: `timestamp(3) without time zone` → base and [3]. */
interface Shape {
  readonly base: string;
  readonly modifiers: readonly number[];
  readonly array: boolean;
}

function shapeOf(type: string): Shape {
  const array = type.endsWith('[]');
  const modifiers = /\(([-\d, ]+)\)/.exec(type)?.[1]?.split(',').map(Number) ?? [];
  const base = type.replace(/(\[\])+$/, '').replace(/\([-\d, ]+\)/, '');
  return { base, modifiers, array };
}

const INTEGER_DIGITS: Readonly<Record<string, number>> = { smallint: 5, integer: 10, bigint: 19 };
const EXACT_IN_DOUBLE: readonly string[] = ['smallint', 'integer', 'real'];

/**
 * Can a column of type `actual` hold every value of type `wanted` unchanged? A length limit may be too short for single
 * values: the server refuses those (and they become dead letters), it never cuts. What it would round or convert is refused here.
 */
export function holds(actual: string, wanted: string): boolean {
  const a = shapeOf(actual);
  const w = shapeOf(wanted);
  if (['text', 'character varying'].includes(a.base) && !a.array) return true;
  if (a.array !== w.array) return false;
  if (a.base === 'numeric') return numericHolds(a.modifiers, w);
  if (own(INTEGER_DIGITS, a.base) !== undefined) {
    return (own(INTEGER_DIGITS, w.base) ?? Number.POSITIVE_INFINITY) <= own(INTEGER_DIGITS, a.base)!;
  }
  if (a.base === 'double precision' && EXACT_IN_DOUBLE.includes(w.base)) return true;
  // Padded or cut silently, so only for the same type.
  if (['character', 'bpchar', 'name', '"char"'].includes(a.base)) {
    return a.base === w.base && (a.modifiers[0] ?? 1) >= (w.modifiers[0] ?? 1);
  }
  if (/^(time|timestamp|interval)/.test(a.base) && a.base === w.base) {
    return (a.modifiers[0] ?? 6) >= (w.modifiers[0] ?? 6);
  }
  const kinds = [own(KIND_OF_TYPE, a.base), own(KIND_OF_TYPE, w.base)];
  return kinds.includes(undefined) || kinds[0] === kinds[1];
}

const FAMILIES: readonly RegExp[] = [
  /^(smallint|integer|bigint|numeric)$/,
  /^(real|double precision)$/,
  /^character varying$/,
  /^time without time zone$/,
  /^time with time zone$/,
  /^timestamp without time zone$/,
  /^timestamp with time zone$/,
];

/** Is `wanted` a type of the same family as `actual` that holds all its values and more? */
export function widens(actual: string, wanted: string): boolean {
  const a = shapeOf(actual);
  const w = shapeOf(wanted);
  if (a.array || w.array || !FAMILIES.some((family) => family.test(a.base) && family.test(w.base))) return false;
  if (a.base === 'character varying') return (a.modifiers[0] ?? Infinity) < (w.modifiers[0] ?? Infinity);
  return !holds(actual, wanted) && holds(wanted, actual);
}

function numericHolds([precision, scale = 0]: readonly number[], wanted: Shape): boolean {
  const digits = own(INTEGER_DIGITS, wanted.base);
  if (digits === undefined && wanted.base !== 'numeric') return false;
  if (precision === undefined) return true;
  if (digits !== undefined) return precision - scale >= digits;
  const [wantedPrecision, wantedScale = 0] = wanted.modifiers;
  if (wantedPrecision === undefined) return false;
  return scale >= wantedScale && precision - scale >= wantedPrecision - wantedScale;
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
