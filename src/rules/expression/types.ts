/** Types of expressions: those of columns, and two that only exist while an expression is checked. */
import type { Column, Kind } from '../../contracts/schema.ts';

/**
 * `untyped`: a text literal or null, which takes the type its place asks for. `unresolved`: a column of a table that is
 * not known yet (lint without the source); nothing is said about it.
 */
export type TypeKind = Kind | 'untyped' | 'unresolved';

/** What a column says of its values, without name and nullability. */
export type ColumnType = Omit<Column, 'name' | 'nullable' | 'keyOrdinal'>;

export interface Type extends Omit<ColumnType, 'kind'> {
  readonly kind: TypeKind;
  /** `character(n)`: blanks at the end do not count. */
  readonly padded?: true;
}

/** PostgreSQL's names, for the columns that rules make. */
const NATIVE = {
  bool: 'boolean',
  int16: 'smallint',
  int32: 'integer',
  int64: 'bigint',
  float32: 'real',
  float64: 'double precision',
  decimal: 'numeric',
  text: 'text',
  bytes: 'bytea',
  date: 'date',
  time: 'time without time zone',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  uuid: 'uuid',
  json: 'json',
} as const satisfies Partial<Record<Kind, string>>;

/** Kinds that an expression can make. */
export type MadeKind = keyof typeof NATIVE;

export const UNTYPED: Type = { kind: 'untyped', native: 'unknown' };
export const UNRESOLVED: Type = { kind: 'unresolved', native: 'unknown' };

const MADE = new Map(Object.entries(NATIVE).map(([kind, native]) => [kind, { kind: kind as MadeKind, native }]));

/** The type of this kind without limits on length or digits. */
export function typeOf(kind: MadeKind): Type {
  return MADE.get(kind)!;
}

export function isMadeKind(kind: TypeKind): kind is MadeKind {
  return MADE.has(kind);
}

/** Values in one form: see values/json.ts. */
export const JSONB: Type = { kind: 'json', native: 'jsonb' };

/** Arrays of a type that expressions can make. */
export function arrayOf({ kind, native }: Type): Type {
  return { kind: 'array', native: `${native}[]`, element: kind as MadeKind };
}

/** Null when expressions cannot look into it. */
export function elementOf({ kind, element }: Type): Type | null {
  return kind === 'array' && element !== undefined && isMadeKind(element) ? typeOf(element) : null;
}

export const BOOL = typeOf('bool');
export const TEXT = typeOf('text');
export const DECIMAL = typeOf('decimal');

/**
 * The type that a column has in expressions. MySQL's 64-bit unsigned integers count as decimals, so that nothing can
 * overflow unseen.
 */
export function typeOfColumn(column: ColumnType): Type {
  const { kind, native, length, precision, scale, element, enum: labels } = column;
  if (kind === 'uint64') return { kind: 'decimal', native: 'numeric(20,0)', precision: 20, scale: 0 };
  return {
    kind,
    native,
    ...(length !== undefined && { length }),
    ...(precision !== undefined && { precision }),
    ...(scale !== undefined && { scale }),
    ...(element !== undefined && { element }),
    ...(labels !== undefined && { enum: labels }),
    ...(kind === 'text' && /^(character|bpchar)(\(\d+\))?$/.test(native) && { padded: true as const }),
  };
}

/** What a column made by an expression of this type says of itself. Text without a type of its own is text. */
export function columnTypeOf(type: Type): ColumnType {
  const { padded: _, kind, ...rest } = type;
  if (kind === 'untyped' || kind === 'unresolved') return { kind: 'text', native: 'text' };
  return { ...rest, kind };
}

/** For messages. */
export function nameOf(type: Type): string {
  if (type.kind === 'untyped') return 'text or null';
  return type.native === '' ? type.kind : type.native;
}

export function sameType(a: Type, b: Type): boolean {
  return a.kind === b.kind && a.native === b.native && a.length === b.length && a.enum === b.enum;
}

export type Category = 'boolean' | 'number' | 'string' | 'time' | 'none';

const CATEGORY: Partial<Record<TypeKind, Category>> = {
  bool: 'boolean',
  int16: 'number',
  int32: 'number',
  int64: 'number',
  decimal: 'number',
  float32: 'number',
  float64: 'number',
  text: 'string',
  date: 'time',
  timestamp: 'time',
  timestamptz: 'time',
};

/** Types of one category may be mixed: the more general one wins. */
export function categoryOf(kind: TypeKind): Category {
  return CATEGORY[kind] ?? 'none';
}
