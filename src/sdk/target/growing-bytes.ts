/** A buffer that is written from front to back and grows; used again and again for what is sent in one piece. */

const FIRST_BYTES = 1 << 14;
/** Below it a loop is quicker than a call of `set`. */
const SHORT = 24;

export class GrowingBytes {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  bytes(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#reserve(length);
    if (length < SHORT) for (let i = 0; i < length; i++) this.#buffer[this.#length + i] = bytes[i]!;
    else this.#buffer.set(bytes, this.#length);
    this.#length += length;
  }

  /** The bytes from `from` up to `to`. */
  slice(bytes: Uint8Array, from: number, to: number): void {
    const length = to - from;
    this.#reserve(length);
    if (length < SHORT) for (let i = 0; i < length; i++) this.#buffer[this.#length + i] = bytes[from + i]!;
    else this.#buffer.set(bytes.subarray(from, to), this.#length);
    this.#length += length;
  }

  /** @returns bytes written */
  text(text: string): number {
    this.#reserve(text.length * 3);
    const written = this.#buffer.write(text, this.#length);
    this.#length += written;
    return written;
  }

  /** What was written since the last `clear`; valid until the next write. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  copy(): Buffer {
    return Buffer.from(this.view());
  }

  clear(): void {
    this.#length = 0;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + more));
    grown.set(this.view());
    this.#buffer = grown;
  }
}
