/** A result set of the text protocol: number of columns, their definitions, EOF, rows, EOF. */
import type { RowWriter } from '../../src/sdk/index.ts';
import type { ColumnText } from './column-text.ts';
import { serverError } from './packet-socket.ts';
import { need } from './source-errors.ts';

const EOF = 0xfe;
const ERROR = 0xff;
const NULL_VALUE = 0xfb;
const MAX_EOF_BYTES = 9;

export class ResultSet {
  readonly #columns: number;
  readonly #onRow: (buf: Buffer, from: number, to: number) => void;
  #headers: number;

  constructor(columns: number, onRow: (buf: Buffer, from: number, to: number) => void) {
    this.#columns = columns;
    this.#onRow = onRow;
    // The number, the definitions, the EOF behind them.
    this.#headers = columns + 2;
  }

  /** Takes one packet; true after the last. Throws the server's error. */
  take(buf: Buffer, from: number, to: number): boolean {
    if (buf[from] === ERROR) throw serverError(buf, from, to);
    if (this.#headers > 0) {
      if (this.#headers === this.#columns + 2) need(columnCount(buf, from, to) === this.#columns);
      this.#headers--;
      return false;
    }
    if (buf[from] === EOF && to - from < MAX_EOF_BYTES) return true;
    this.#onRow(buf, from, to);
    return false;
  }

  /** The columns of one row: texts with their length, or NULL. */
  static write(writer: RowWriter, texts: readonly ColumnText[], buf: Buffer, from: number, to: number): void {
    let at = from;
    for (let i = 0; i < texts.length; i++) {
      need(at < to);
      const first = buf[at++]!;
      if (first === NULL_VALUE) {
        writer.null(i);
        continue;
      }
      let length = first;
      if (first > NULL_VALUE) {
        const width = first === 0xfc ? 2 : first === 0xfd ? 3 : 6;
        need(at + width <= to);
        length = buf.readUIntLE(at, width);
        at += first === 0xfe ? 8 : width;
      }
      need(at + length <= to);
      texts[i]!(writer, i, buf, at, at + length);
      at += length;
    }
    need(at === to);
  }
}

function columnCount(buf: Buffer, from: number, to: number): number {
  if (buf[from]! < NULL_VALUE) return buf[from]!;
  need(buf[from] === 0xfc && from + 3 <= to);
  return buf.readUInt16LE(from + 1);
}
