/** Bytes under construction. Written through the fields directly; the loops that fill it run for every byte of every row. */
import { TailraceError } from '../contracts/errors.ts';
import { returnBuffer, takeBuffer } from './buffer-pool.ts';

const FIRST_CAPACITY = 16 << 10;
const SHORT_BYTES = 32;
/** Lengths of batches and record fields are int32. */
const MAX_BYTES = 0x7fffffff;

export class GrowingBuffer {
  /** Replaced when it grows, with `view`: read both again after anything that reserves. */
  bytes: Buffer = EMPTY;
  /** The same bytes, for whole words. */
  view: DataView = EMPTY_VIEW;
  /** Where the next byte goes. */
  at = 0;

  /** Makes room for `size` more bytes after `at`. Throws `log.invalid_batch` above 2 GiB. */
  reserve(size: number): void {
    if (this.at + size > this.bytes.length) this.#grow(this.at + size);
  }

  /** Appends `source` as it is. */
  write(source: Uint8Array): void {
    this.reserve(source.length);
    const { bytes, at } = this;
    // So short that a call to copy it costs more than copying it.
    if (source.length <= SHORT_BYTES) for (let i = 0; i < source.length; i++) bytes[at + i] = source[i]!;
    else bytes.set(source, at);
    this.at = at + source.length;
  }

  /** Gives the memory back; what was written is forgotten. */
  protected release(): void {
    returnBuffer(this.bytes);
    this.forget();
  }

  /** Leaves the memory to another owner. */
  protected forget(): void {
    this.use(EMPTY);
  }

  protected use(bytes: Buffer): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  #grow(needed: number): void {
    if (needed > MAX_BYTES) throw new TailraceError('log.invalid_batch', 'a record batch would be larger than 2 GiB');
    const smaller = this.bytes;
    this.use(takeBuffer(Math.min(MAX_BYTES, Math.max(FIRST_CAPACITY, smaller.length * 2, needed))));
    smaller.copy(this.bytes, 0, 0, this.at);
    returnBuffer(smaller);
  }
}

const EMPTY = Buffer.alloc(0);
const EMPTY_VIEW = new DataView(EMPTY.buffer, 0, 0);
