/**
 * One row of COPY … TO STDOUT in text format (manual, COPY, "Text Format"): fields between tabs, `\N` for NULL, backslash
 * escapes for control characters. Undone, a field is the same text that the stream sends (Invariant 9).
 */
import { type RowWriter, TailraceError } from '../../src/sdk/index.ts';
import type { ColumnText } from './column-text.ts';

const TAB = 0x09;
const NEWLINE = 0x0a;
const BACKSLASH = 0x5c;
const NULL_LETTER = 0x4e;

/** Letters after a backslash that stand for a control character; any other character stands for itself. */
const ESCAPES = new Map([
  [0x62, 0x08],
  [0x66, 0x0c],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
  [0x76, 0x0b],
]);

let unescaped = Buffer.allocUnsafe(64 * 1024);

/** Writes the columns of the row at buf[from, to), its line end included. */
export function writeCopyRow(
  writer: RowWriter,
  texts: readonly ColumnText[],
  buf: Buffer,
  from: number,
  to: number,
): void {
  const end = to > from && buf[to - 1] === NEWLINE ? to - 1 : to;
  let start = from;
  let escaped = false;
  let column = 0;
  for (let at = from; at <= end; at++) {
    const byte = at === end ? TAB : buf[at]!;
    if (byte === BACKSLASH) {
      escaped = true;
      at++;
    } else if (byte === TAB) {
      const text = texts[column];
      if (text === undefined) throw malformed();
      if (!escaped) text(writer, column, buf, start, at);
      else writeEscaped(writer, column, text, buf, start, at);
      column++;
      start = at + 1;
      escaped = false;
    }
  }
  if (column !== texts.length) throw malformed();
}

function writeEscaped(
  writer: RowWriter,
  column: number,
  text: ColumnText,
  buf: Buffer,
  from: number,
  to: number,
): void {
  if (to - from === 2 && buf[from + 1] === NULL_LETTER) {
    writer.null(column);
    return;
  }
  if (unescaped.length < to - from) unescaped = Buffer.allocUnsafe(2 * (to - from));
  let length = 0;
  for (let at = from; at < to; at++) {
    let byte = buf[at]!;
    if (byte === BACKSLASH) {
      byte = buf[++at]!;
      byte = ESCAPES.get(byte) ?? byte;
    }
    unescaped[length++] = byte;
  }
  text(writer, column, unescaped, 0, length);
}

function malformed(): TailraceError {
  return new TailraceError('source.unsupported', 'a row of COPY does not have the columns of its table');
}
