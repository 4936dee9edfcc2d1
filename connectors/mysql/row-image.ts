/** The images of a rows event as places in its buffer; reused from row to row. */
import type { RowWriter } from '../../src/sdk/index.ts';
import type { ValueReader } from './column-values.ts';
import { need } from './source-errors.ts';

const NULL_VALUE = -1;

export class RowImage {
  #from = new Float64Array(64);
  #to = new Float64Array(64);
  #start = 0;
  #end = 0;

  /** Reads one image of all columns at `at`: bits of NULLs, then the values that are there. Returns the place after it. */
  read(readers: readonly ValueReader[], buf: Buffer, at: number, end: number): number {
    const count = readers.length;
    if (count > this.#from.length) this.#grow(count);
    const nulls = at;
    let next = at + ((count + 7) >> 3);
    need(next <= end);
    for (let i = 0; i < count; i++) {
      if (((buf[nulls + (i >> 3)]! >> (i & 7)) & 1) === 1) {
        this.#from[i] = NULL_VALUE;
        continue;
      }
      let { size } = readers[i]!;
      if (size < 0) {
        const width = -size;
        need(next + width <= end);
        size = width === 1 ? buf[next]! : buf.readUIntLE(next, width);
        next += width;
      }
      need(next + size <= end);
      this.#from[i] = next;
      next += size;
      this.#to[i] = next;
    }
    this.#start = at;
    this.#end = next;
    return next;
  }

  write(readers: readonly ValueReader[], writer: RowWriter, buf: Buffer): void {
    for (let i = 0; i < readers.length; i++) this.writeOne(readers, writer, buf, i);
  }

  writeOne(readers: readonly ValueReader[], writer: RowWriter, buf: Buffer, i: number): void {
    const from = this.#from[i]!;
    if (from === NULL_VALUE) writer.null(i);
    else readers[i]!.write(writer, i, buf, from, this.#to[i]!);
  }

  /** The image's bytes, to be read again. */
  copy(buf: Buffer): Buffer {
    return Buffer.from(buf.subarray(this.#start, this.#end));
  }

  /** Where a column's value is; null for NULL. */
  place(i: number): { readonly from: number; readonly to: number } | null {
    return this.isNull(i) ? null : { from: this.#from[i]!, to: this.#to[i]! };
  }

  isNull(i: number): boolean {
    return this.#from[i] === NULL_VALUE;
  }

  /** True when a column has the same bytes in both images of one buffer. */
  equals(other: RowImage, i: number, buf: Buffer): boolean {
    if (this.isNull(i) || other.isNull(i)) return this.isNull(i) && other.isNull(i);
    return buf.compare(buf, other.#from[i]!, other.#to[i]!, this.#from[i]!, this.#to[i]!) === 0;
  }

  #grow(count: number): void {
    this.#from = new Float64Array(count);
    this.#to = new Float64Array(count);
  }
}
