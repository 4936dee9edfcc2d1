/** Column types of target tables: which one is made for a source column, and whether one that exists can hold it. */
import type { Column, Kind } from '../../src/sdk/index.ts';

export interface TypeOptions {
  /** Tells texts apart that differ in any byte, also in spaces at their end. */
  readonly collation: string;
  /** Key columns that hold texts or bytes share an index of 3,072 bytes. */
  readonly keyChars: number;
}

const MAX_DECIMAL_DIGITS = 65;
const MAX_DECIMAL_SCALE = 30;

const TYPES: Readonly<Partial<Record<Kind, string>>> = {
  bool: 'tinyint(1)',
  int16: 'smallint',
  int32: 'int',
  int64: 'bigint',
  uint64: 'bigint unsigned',
  float32: 'float',
  float64: 'double',
  date: 'date',
  time: 'time(6)',
  // A TIMESTAMP ends in 2038 and begins in 1970; both are kept in UTC.
  timestamp: 'datetime(6)',
  timestamptz: 'datetime(6)',
};

/** Of CREATE and ALTER TABLE. Kinds without a type of their own are texts, which nothing changes (Invariant 9). */
export function typeOf(column: Column, { collation, keyChars }: TypeOptions): string {
  const { kind, precision, scale = 0, keyOrdinal } = column;
  const fixed = TYPES[kind];
  if (fixed !== undefined) return fixed;
  if (kind === 'decimal' && precision !== undefined && fits(precision, scale)) return `decimal(${precision},${scale})`;
  const isKey = keyOrdinal !== undefined;
  if (kind === 'bytes') return isKey ? `varbinary(${keyChars})` : 'longblob';
  return `${isKey ? `varchar(${keyChars})` : 'longtext'} CHARACTER SET utf8mb4 COLLATE ${collation}`;
}

const fits = (precision: number, scale: number): boolean =>
  precision <= MAX_DECIMAL_DIGITS && scale >= 0 && scale <= MAX_DECIMAL_SCALE && scale <= precision;

/** A column of the target as `information_schema.columns` has it. */
export interface TargetColumn {
  /** `data_type`, in lower case. */
  readonly base: string;
  readonly unsigned: boolean;
  readonly precision: number;
  readonly scale: number;
}

const TEXTS = ['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext'];
const BYTES = ['varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob'];
/** Bits of whole numbers. */
const BITS: Readonly<Record<string, number>> = { tinyint: 8, smallint: 16, mediumint: 24, int: 32, bigint: 64 };
const WANTED_BITS: Readonly<Partial<Record<Kind, number>>> = { bool: 1, int16: 16, int32: 32, int64: 64 };

/**
 * Does a column like this keep every value unchanged? A text that is too long is refused by the server; what it would round,
 * pad or convert in silence is refused here.
 */
export function holds({ base, unsigned, precision, scale }: TargetColumn, column: Column): boolean {
  const { kind } = column;
  if (kind === 'bytes') return BYTES.includes(base);
  if (TEXTS.includes(base)) return base !== 'char' || kind === 'uuid';
  const bits = WANTED_BITS[kind];
  if (bits !== undefined) {
    if (base === 'decimal') return precision - scale >= Math.ceil(bits * Math.log10(2)) && !unsigned;
    return !unsigned && (BITS[base] ?? 0) >= bits;
  }
  switch (kind) {
    case 'uint64':
      return (base === 'bigint' && unsigned) || (base === 'decimal' && precision - scale >= 20);
    case 'float32':
      return base === 'float' || base === 'double';
    case 'float64':
      return base === 'double';
    case 'decimal': {
      if (base !== 'decimal' || unsigned || column.precision === undefined) return false;
      const { scale: wanted = 0 } = column;
      return scale >= wanted && precision - scale >= column.precision - wanted;
    }
    case 'date':
      return base === 'date';
    case 'time':
      return base === 'time' && scale >= (column.precision ?? 6);
    case 'timestamp':
    case 'timestamptz':
      return base === 'datetime' && scale >= (column.precision ?? 6);
    case 'enum':
      return base === 'enum';
    case 'json':
      return false;
    default:
      return false;
  }
}

/** Is the type that is made for the source's column one of the same family as the target's, which holds all its values and more? */
export function widens(present: TargetColumn, column: Column): boolean {
  const { base, unsigned, precision, scale } = present;
  if (holds(present, column)) return false;
  const bits = WANTED_BITS[column.kind];
  if (bits !== undefined && BITS[base] !== undefined) return BITS[base]! + (unsigned ? 1 : 0) <= bits;
  if (column.kind === 'decimal' && base === 'decimal' && !unsigned && column.precision !== undefined) {
    const { scale: wanted = 0 } = column;
    return fits(column.precision, wanted) && wanted >= scale && column.precision - wanted >= precision - scale;
  }
  if (column.kind === 'float64') return base === 'float';
  return (column.kind === 'time' && base === 'time') || (/^timestamp/.test(column.kind) && base === 'datetime');
}
