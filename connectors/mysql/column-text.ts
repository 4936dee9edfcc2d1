/** A column's text as the server writes it (with the pinned session settings) → canonical text of the log (row.ts, `Value`). */
import type { RowWriter } from '../../src/sdk/index.ts';
import { kindOf, type SourceColumn } from './columns.ts';
import { quoteName } from './names.ts';
import {
  reserve,
  writeBits,
  writeBytes,
  writeFloat32,
  writeFloat64,
  writeGeometry,
  writeVector,
} from './value-text.ts';

/** Writes column `index` of the open row from buf[from, to). */
export type ColumnText = (writer: RowWriter, index: number, buf: Buffer, from: number, to: number) => void;

const ZERO = 0x30;
const MINUS = 0x2d;
const POINT = 0x2e;
const SPACE = 0x20;
const LETTER_T = 0x54;
const LETTER_Z = 0x5a;
const FRACTION_DIGITS = 6;

/** A FLOAT is printed with six digits, and either with those of its declaration: the product has all of them. */
export function columnExpression({ name, base }: SourceColumn): string {
  return base === 'float' || base === 'double' ? `${quoteName(name)} * 1E0` : quoteName(name);
}

export function columnText(column: SourceColumn): ColumnText {
  switch (kindOf(column)) {
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint64':
    case 'decimal':
      return digits;
    case 'float32':
      return (writer, i, buf, from, to) =>
        writeFloat32(writer, i, Math.fround(Number(buf.toString('latin1', from, to))));
    case 'float64':
      return (writer, i, buf, from, to) => writeFloat64(writer, i, Number(buf.toString('latin1', from, to)));
    case 'time':
      return (writer, i, buf, from, to) => clock(writer, i, buf, from, to, false);
    case 'timestamp':
      return (writer, i, buf, from, to) => clock(writer, i, buf, from, to, false);
    case 'timestamptz':
      return (writer, i, buf, from, to) => clock(writer, i, buf, from, to, true);
    case 'bits':
      return (writer, i, buf, from, to) => writeBits(writer, i, buf, from, to, column.length);
    case 'bytes':
      return writeBytes;
    case 'geometry':
      return writeGeometry;
    case 'vector':
      return writeVector;
    default:
      return (writer, i, buf, from, to) => writer.text(i, buf, from, to);
  }
}

/** Without the zeros of ZEROFILL. */
function digits(writer: RowWriter, index: number, buf: Buffer, from: number, to: number): void {
  let start = from;
  if (buf[start] === ZERO) {
    while (start < to - 1 && buf[start] === ZERO && buf[start + 1] !== POINT) start++;
  }
  writer.text(index, buf, start, to);
}

/** A space becomes T, the fraction gets all of its digits, a point in time its zone. */
function clock(writer: RowWriter, index: number, buf: Buffer, from: number, to: number, zone: boolean): void {
  const out = reserve(to - from + 10);
  let end = 0;
  let fraction = -1;
  for (let at = from; at < to; at++) {
    const byte = buf[at]!;
    if (byte === POINT) fraction = 0;
    else if (fraction >= 0 && byte !== MINUS) fraction++;
    out[end++] = byte === SPACE ? LETTER_T : byte;
  }
  if (fraction < 0) {
    out[end++] = POINT;
    fraction = 0;
  }
  for (; fraction < FRACTION_DIGITS; fraction++) out[end++] = ZERO;
  if (zone) out[end++] = LETTER_Z;
  writer.text(index, out, 0, end);
}
