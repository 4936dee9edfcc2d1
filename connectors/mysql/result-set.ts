/** A result set of the text protocol: number of columns, their definitions, EOF, rows, EOF; or OK, or an error. */
import type { RowWriter } from '../../src/sdk/index.ts';
import type { ColumnText } from './column-text.ts';
import { serverError } from './packet-socket.ts';
import { need } from './source-errors.ts';

const OK = 0x00;
const EOF = 0xfe;
const ERROR = 0xff;
const NULL_VALUE = 0xfb;
const MAX_EOF_BYTES = 9;

export class ResultSet {
  readonly #onRow: (buf: Buffer, from: number, to: number) => void;
  /** Packets before the rows; null: the first has not come. */
  #headers: number | null = null;

  constructor(onRow: (buf: Buffer, from: number, to: number) => void) {
    this.#onRow = onRow;
  }

  /** Takes one packet; true after the last. Throws the server's error. */
  take(buf: Buffer, from: number, to: number): boolean {
    const first = buf[from]!;
    if (first === ERROR) throw serverError(buf, from, to);
    if (this.#headers === null) {
      if (first === OK) return true;
      // The definitions, and the EOF behind them.
      this.#headers = columnCount(buf, from, to) + 1;
      return false;
    }
    if (this.#headers > 0) {
      this.#headers--;
      return false;
    }
    if (first === EOF && to - from < MAX_EOF_BYTES) return true;
    this.#onRow(buf, from, to);
    return false;
  }

  /** The columns of one row: texts with their length, or NULL (`from` is -1 then). */
  static each(
    columns: number,
    buf: Buffer,
    start: number,
    end: number,
    take: (from: number, to: number) => void,
  ): void {
    let at = start;
    for (let i = 0; i < columns; i++) {
      need(at < end);
      const first = buf[at++]!;
      if (first === NULL_VALUE) {
        take(-1, -1);
        continue;
      }
      let length = first;
      if (first > NULL_VALUE) {
        const width = first === 0xfc ? 2 : first === 0xfd ? 3 : 6;
        need(at + width <= end);
        length = buf.readUIntLE(at, width);
        at += first === 0xfe ? 8 : width;
      }
      need(at + length <= end);
      take(at, at + length);
      at += length;
    }
    need(at === end);
  }

  static write(writer: RowWriter, texts: readonly ColumnText[], buf: Buffer, start: number, end: number): void {
    let i = 0;
    ResultSet.each(texts.length, buf, start, end, (from, to) => {
      if (from < 0) writer.null(i);
      else texts[i]!(writer, i, buf, from, to);
      i++;
    });
  }
}

function columnCount(buf: Buffer, from: number, to: number): number {
  if (buf[from]! < NULL_VALUE) return buf[from]!;
  need(buf[from] === 0xfc && from + 3 <= to);
  return buf.readUInt16LE(from + 1);
}
