/** Integers of a fixed size: 16 and 32 bits as numbers, 64 bits as bigints. Overflow is an error, nothing wraps. */
import { fail } from '../fail.ts';
import { trimSpace } from './text.ts';

export type IntegerKind = 'int16' | 'int32' | 'int64';

export const INTEGER_NAMES: Readonly<Record<IntegerKind, string>> = {
  int16: 'smallint',
  int32: 'integer',
  int64: 'bigint',
};

/** Throws `rule.failed` when it does not fit. -0 becomes 0. */
export function toInt16(value: number): number {
  return value >= -0x8000 && value <= 0x7fff ? value + 0 : outOfRange('int16');
}

/** Throws `rule.failed` when it does not fit. -0 becomes 0. */
export function toInt32(value: number): number {
  return value >= -0x80000000 && value <= 0x7fffffff ? value + 0 : outOfRange('int32');
}

/** Throws `rule.failed` when it does not fit. */
export function toInt64(value: bigint): bigint {
  return BigInt.asIntN(64, value) === value ? value : outOfRange('int64');
}

export function integerOfBigint(value: bigint, kind: IntegerKind): number | bigint {
  if (kind === 'int64') return toInt64(value);
  const size = kind === 'int16' ? 16 : 32;
  return BigInt.asIntN(size, value) === value ? Number(value) : outOfRange(kind);
}

function outOfRange(kind: IntegerKind): never {
  return fail(`${INTEGER_NAMES[kind]} out of range`);
}

/** Decimal digits with an optional sign, white space around them allowed. Null for anything else. */
export function parseInteger(text: string): bigint | null {
  const trimmed = trimSpace(text);
  if (!/^[+-]?\d+$/.test(trimmed)) return null;
  // Far out of every range: not worth the digits.
  if (trimmed.length > 1_000) return /^[+-]?0*\d{1,20}$/.test(trimmed) ? BigInt(trimmed.replace(/^\+/, '')) : 1n << 64n;
  return BigInt(trimmed.replace(/^\+/, ''));
}
