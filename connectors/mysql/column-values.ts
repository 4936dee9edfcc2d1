/**
 * Values of a row image (rows event) → canonical text of the log (row.ts, `Value`). Every type has a fixed size, or a
 * length of one to four bytes before it.
 */
import type { RowWriter } from '../../src/sdk/index.ts';
import type { Decoding } from './charsets.ts';
import { ColumnType } from './column-types.ts';
import { decimalBytes, putDecimal } from './decimal.ts';
import { jsonText } from './json-binary.ts';
import { need } from './source-errors.ts';
import { stringBytes, type WireColumn } from './table-map.ts';
import { putDate, putDatetime, putTime, putTimestamp } from './temporal.ts';
import {
  reserve,
  writeBits,
  writeBytes,
  writeFloat32,
  writeFloat64,
  writeGeometry,
  writeInteger,
  writeString,
  writeVector,
} from './value-text.ts';

/** Writes column `index` of the open row from the value's bytes. */
export type ColumnValue = (writer: RowWriter, index: number, buf: Buffer, from: number, to: number) => void;

export interface ValueReader {
  /** Bytes of every value; or, negative, of the length before it. */
  readonly size: number;
  readonly write: ColumnValue;
  /** A document in the binary form of MySQL. */
  readonly isJson?: true;
}

/** Undefined for a type that cannot be read. */
export function valueReader(column: WireColumn, decoding: Decoding): ValueReader | undefined {
  const { type, meta, unsigned } = column;
  switch (type) {
    case ColumnType.TINY:
      return fixed(
        1,
        unsigned ? (w, i, b, at) => writeInteger(w, i, b[at]!) : (w, i, b, at) => writeInteger(w, i, b.readInt8(at)),
      );
    case ColumnType.YEAR:
      return fixed(1, (w, i, b, at) => writeInteger(w, i, b[at] === 0 ? 0 : 1900 + b[at]!));
    case ColumnType.SHORT:
      return integer(2, unsigned);
    case ColumnType.INT24:
      return integer(3, unsigned);
    case ColumnType.LONG:
      return integer(4, unsigned);
    case ColumnType.LONGLONG:
      return fixed(8, unsigned ? writeUint64 : writeInt64);
    case ColumnType.FLOAT:
      return meta === 4 ? fixed(4, (w, i, b, at) => writeFloat32(w, i, b.readFloatLE(at))) : undefined;
    case ColumnType.DOUBLE:
      return meta === 8 ? fixed(8, (w, i, b, at) => writeFloat64(w, i, b.readDoubleLE(at))) : undefined;
    case ColumnType.NEWDECIMAL:
      return decimal(meta & 0xff, meta >> 8);
    case ColumnType.BIT:
      return bits((meta & 0xff) + 8 * (meta >> 8));
    case ColumnType.ENUM:
      return label(meta >> 8, column.labels);
    case ColumnType.SET:
      return labels(meta >> 8, column.labels);
    default:
      return temporal(type, meta) ?? variable(column, decoding);
  }
}

function fixed(size: number, write: ColumnValue): ValueReader {
  return { size, write };
}

function integer(bytes: number, unsigned: boolean): ValueReader {
  if (unsigned) return fixed(bytes, (w, i, b, at) => writeInteger(w, i, b.readUIntLE(at, bytes)));
  return fixed(bytes, (w, i, b, at) => writeInteger(w, i, b.readIntLE(at, bytes)));
}

const WORD = 2 ** 32;
/** Above this in the upper half, a number is beyond 2^53. */
const EXACT_HIGH = 2 ** 21;

const writeInt64: ColumnValue = (writer, index, buf, at) => {
  const high = buf.readInt32LE(at + 4);
  if (high >= EXACT_HIGH || high < -EXACT_HIGH) writeString(writer, index, String(buf.readBigInt64LE(at)));
  else writeInteger(writer, index, high * WORD + buf.readUInt32LE(at));
};

const writeUint64: ColumnValue = (writer, index, buf, at) => {
  const high = buf.readUInt32LE(at + 4);
  if (high >= EXACT_HIGH) writeString(writer, index, String(buf.readBigUInt64LE(at)));
  else writeInteger(writer, index, high * WORD + buf.readUInt32LE(at));
};

function decimal(precision: number, scale: number): ValueReader {
  return fixed(decimalBytes(precision, scale), (writer, index, buf, from, to) => {
    const out = reserve(precision + 3);
    writer.text(index, out, 0, putDecimal(out, buf, from, to, precision, scale));
  });
}

function bits(length: number): ValueReader {
  return fixed((length + 7) >> 3, (writer, index, buf, from, to) => writeBits(writer, index, buf, from, to, length));
}

/** Number of the label from 1; 0 is the empty text that stands for a value that was refused. */
function label(bytes: number, texts: readonly string[]): ValueReader | undefined {
  if (bytes !== 1 && bytes !== 2) return undefined;
  const known = ['', ...texts];
  return fixed(bytes, (writer, index, buf, at) => {
    const text = known[buf.readUIntLE(at, bytes)];
    need(text !== undefined);
    writeString(writer, index, text);
  });
}

/** One bit for each label. */
function labels(bytes: number, texts: readonly string[]): ValueReader | undefined {
  if (bytes < 1 || bytes > 8) return undefined;
  return fixed(bytes, (writer, index, buf, at) => {
    const chosen: string[] = [];
    for (let bit = 0; bit < bytes * 8; bit++) {
      if (((buf[at + (bit >> 3)]! >> (bit & 7)) & 1) === 0) continue;
      const text = texts[bit];
      need(text !== undefined);
      chosen.push(text);
    }
    writeString(writer, index, chosen.join(','));
  });
}

function temporal(type: number, fraction: number): ValueReader | undefined {
  const extra = (fraction + 1) >> 1;
  switch (type) {
    case ColumnType.DATE:
      return fixed(3, (writer, index, buf, at) => {
        const packed = buf.readUIntLE(at, 3);
        const out = reserve(16);
        writer.text(index, out, 0, putDate(out, 0, packed >> 9, (packed >> 5) & 15, packed & 31));
      });
    case ColumnType.DATETIME2:
      return fixed(5 + extra, (writer, index, buf, at) => writeDatetime(writer, index, buf, at, extra));
    case ColumnType.TIMESTAMP2:
      return fixed(4 + extra, (writer, index, buf, at) => {
        const out = reserve(40);
        const end = putTimestamp(out, buf.readUInt32BE(at), microseconds(buf, at + 4, extra));
        writer.text(index, out, 0, end);
      });
    case ColumnType.TIME2:
      return fixed(3 + extra, (writer, index, buf, at) => writeTime(writer, index, buf, at, extra));
    default:
      return undefined;
  }
}

/** One to three bytes hold two, four or six digits. */
function microseconds(buf: Buffer, at: number, bytes: number): number {
  return bytes === 0 ? 0 : buf.readUIntBE(at, bytes) * 10 ** (6 - 2 * bytes);
}

/** 40 bits: sign (always set), year × 13 + month (17), day (5), hour (5), minute (6), second (6). */
function writeDatetime(writer: RowWriter, index: number, buf: Buffer, at: number, extra: number): void {
  const high = buf.readUInt32BE(at);
  need(high >= 0x80000000);
  // Above the lowest byte: sign, year and month, day, the hour's five bits, two of the minute's.
  const yearMonth = (high >>> 14) & 0x1ffff;
  const day = (high >>> 9) & 31;
  const hour = (high >>> 4) & 31;
  const low = ((high & 15) << 8) | buf[at + 4]!;
  const clock = hour * 3600 + (low >> 6) * 60 + (low & 63);
  const out = reserve(40);
  const month = yearMonth % 13;
  const end = putDatetime(out, (yearMonth - month) / 13, month, day, clock, microseconds(buf, at + 5, extra));
  writer.text(index, out, 0, end);
}

/** 24 bits and the fraction, as one number with an offset: sign, unused, hour (10), minute (6), second (6), fraction. */
function writeTime(writer: RowWriter, index: number, buf: Buffer, at: number, extra: number): void {
  const unit = 256 ** extra;
  const packed = buf.readUIntBE(at, 3) * unit + (extra === 0 ? 0 : buf.readUIntBE(at + 3, extra)) - 0x800000 * unit;
  const size = Math.abs(packed);
  const whole = Math.floor(size / unit);
  const micros = extra === 0 ? 0 : (size % unit) * 10 ** (6 - 2 * extra);
  const out = reserve(40);
  let from = 0;
  if (packed < 0) out[from++] = 0x2d;
  const end = putTime(out, from, (whole >> 12) & 0x3ff, (whole >> 6) & 63, whole & 63, micros);
  writer.text(index, out, 0, end);
}

/** Their metadata says how many bytes their length has. */
const PREFIXED: readonly number[] = [ColumnType.BLOB, ColumnType.JSON, ColumnType.GEOMETRY, ColumnType.VECTOR];
const MAX_LENGTH_BYTES = 4;

/** Those with a length before them. */
function variable(column: WireColumn, decoding: Decoding): ValueReader | undefined {
  const { type, meta, base } = column;
  if (PREFIXED.includes(type) && (meta < 1 || meta > MAX_LENGTH_BYTES)) return undefined;
  switch (type) {
    case ColumnType.STRING: {
      const bytes = stringBytes(meta);
      const size = bytes > 255 ? -2 : -1;
      return { size, write: base === 'binary' ? padded(bytes) : text(decoding) };
    }
    case ColumnType.VARCHAR:
    case ColumnType.VAR_STRING:
      return { size: meta > 255 ? -2 : -1, write: base === 'varbinary' ? writeBytes : text(decoding) };
    case ColumnType.BLOB:
      return { size: -meta, write: /blob$/.test(base) ? writeBytes : text(decoding) };
    case ColumnType.JSON:
      return { size: -meta, write: (w, i, b, from, to) => writeString(w, i, jsonText(b, from, to)), isJson: true };
    case ColumnType.GEOMETRY:
      return { size: -meta, write: writeGeometry };
    case ColumnType.VECTOR:
      return { size: -meta, write: writeVector };
    default:
      return undefined;
  }
}

function text(decoding: Decoding): ColumnValue {
  if (decoding === 'binary') return writeBytes;
  if (decoding === 'utf8') return (writer, index, buf, from, to) => writer.text(index, buf, from, to);
  return (writer, index, buf, from, to) => {
    const { out, end } = decoding(buf, from, to);
    writer.text(index, out, 0, end);
  };
}

/** BINARY(n): zero bytes at its end are not stored. */
function padded(bytes: number): ColumnValue {
  return (writer, index, buf, from, to) => {
    need(to - from <= bytes);
    if (to - from === bytes) return writeBytes(writer, index, buf, from, to);
    const whole = Buffer.alloc(bytes);
    buf.copy(whole, 0, from, to);
    writeBytes(writer, index, whole, 0, bytes);
  };
}
