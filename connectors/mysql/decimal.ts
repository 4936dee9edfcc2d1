/**
 * Packed decimals: nine digits in four big-endian bytes, the digits left over before and after in fewer; the top bit is set
 * for positive numbers, all bits of negative ones are turned (strings/decimal.cc).
 */
import { need } from './source-errors.ts';
import { putDigits } from './value-text.ts';

const GROUP_DIGITS = 9;
const GROUP_BYTES = 4;
/** Bytes of 0 to 8 digits. */
const PART_BYTES = [0, 1, 1, 2, 2, 3, 3, 4, 4] as const;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;

export function decimalBytes(precision: number, scale: number): number {
  need(scale <= precision && precision <= 65);
  const whole = precision - scale;
  return partBytes(whole) + partBytes(scale);
}

const partBytes = (digits: number): number =>
  Math.floor(digits / GROUP_DIGITS) * GROUP_BYTES + PART_BYTES[digits % GROUP_DIGITS]!;

/** Digits with all of the scale's, no leading zeros but one. `out` has room for precision + 3. Returns the end in `out`. */
export function putDecimal(
  out: Buffer,
  buf: Buffer,
  from: number,
  to: number,
  precision: number,
  scale: number,
): number {
  need(to - from === decimalBytes(precision, scale));
  const negative = (buf[from]! & 0x80) === 0;
  const turn = negative ? 0xff : 0;
  let at = 0;
  let end = 0;
  if (negative) out[end++] = MINUS;
  const digitsAt = end;
  const group = (bytes: number, digits: number) => {
    let value = 0;
    for (let i = 0; i < bytes; i++) {
      const byte = buf[from + at]! ^ turn ^ (at === 0 ? 0x80 : 0);
      value = value * 256 + byte;
      at++;
    }
    need(value < 10 ** digits);
    end = putDigits(out, end, value, digits);
  };
  const whole = precision - scale;
  const part = whole % GROUP_DIGITS;
  if (part > 0) group(PART_BYTES[part]!, part);
  for (let left = whole - part; left > 0; left -= GROUP_DIGITS) group(GROUP_BYTES, GROUP_DIGITS);
  end = withoutLeadingZeros(out, digitsAt, end);
  if (scale === 0) return end;
  out[end++] = POINT;
  for (let left = scale; left >= GROUP_DIGITS; left -= GROUP_DIGITS) group(GROUP_BYTES, GROUP_DIGITS);
  const rest = scale % GROUP_DIGITS;
  if (rest > 0) group(PART_BYTES[rest]!, rest);
  return end;
}

function withoutLeadingZeros(out: Buffer, from: number, to: number): number {
  let first = from;
  while (first < to - 1 && out[first] === ZERO) first++;
  if (first === to) {
    out[from] = ZERO;
    return from + 1;
  }
  out.copyWithin(from, first, to);
  return to - (first - from);
}
