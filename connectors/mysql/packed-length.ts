/** Lengths of one to nine bytes (net_field_length): up to 250 in the first byte, else it says how many follow. */
import { need } from './source-errors.ts';

const BYTES: Readonly<Record<number, number>> = { 252: 2, 253: 3, 254: 8 };
const MAX_BYTES = 2 ** 32;

/** The number at `from`, and where it ends. */
export function packedNumber(buf: Buffer, from: number, to: number): { readonly value: number; readonly end: number } {
  need(from < to);
  const first = buf[from]!;
  if (first < 0xfb) return { value: first, end: from + 1 };
  const bytes = BYTES[first] ?? 0;
  need(bytes > 0 && from + 1 + bytes <= to);
  const value = bytes === 8 ? Number(buf.readBigUInt64LE(from + 1)) : buf.readUIntLE(from + 1, bytes);
  return { value, end: from + 1 + bytes };
}

/** What stands behind its length at `from`: buf[at, end). */
export function packedLength(buf: Buffer, from: number, to: number): { readonly at: number; readonly end: number } {
  const { value, end } = packedNumber(buf, from, to);
  need(value < MAX_BYTES && end + value <= to);
  return { at: end, end: end + value };
}
