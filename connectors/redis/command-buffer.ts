/** Part of a command in Redis' wire format (RESP2: an array of bulk strings, `$<bytes>CRLF<data>CRLF`). */

const CR = 0x0d;
const LF = 0x0a;
const FIRST_BYTES = 1 << 14;
/** `$<n>CRLF` and the CRLF at the end. */
const FRAME_BYTES = 16;
/** Below it a loop is quicker than a call of `set`. */
const SHORT = 24;
/** `$<n>CRLF` for the lengths that most values have. */
const HEADS = Array.from({ length: 1_024 }, (_, length) => Buffer.from(`$${length}\r\n`));

export class CommandBuffer {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;
  /** Bulk strings written so far. */
  count = 0;

  get byteLength(): number {
    return this.#length;
  }

  text(text: string): void {
    const length = Buffer.byteLength(text);
    this.begin(length);
    this.#length += this.#buffer.write(text, this.#length);
    this.end();
  }

  /** ASCII of at most a few characters. */
  word(text: string): void {
    const { length } = text;
    this.begin(length);
    for (let i = 0; i < length; i++) this.#buffer[this.#length + i] = text.charCodeAt(i);
    this.#length += length;
    this.end();
  }

  bytes(bytes: Uint8Array): void {
    this.begin(bytes.length);
    this.put(bytes, 0, bytes.length);
    this.end();
  }

  /** A bulk string of `length` bytes, which are then given to `put`, and `end`. */
  begin(length: number): void {
    this.#reserve(length + FRAME_BYTES);
    const head = HEADS[length];
    if (head === undefined) this.#length += this.#buffer.write(`$${length}\r\n`, this.#length, 'latin1');
    else for (let i = 0; i < head.length; i++) this.#buffer[this.#length++] = head[i]!;
  }

  put(bytes: Uint8Array, from: number, to: number): void {
    const at = this.#length;
    const length = to - from;
    if (length < SHORT) for (let i = 0; i < length; i++) this.#buffer[at + i] = bytes[from + i]!;
    else this.#buffer.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), at);
    this.#length += length;
  }

  end(): void {
    this.#buffer[this.#length++] = CR;
    this.#buffer[this.#length++] = LF;
    this.count++;
  }

  /** Takes back what was written since the buffer was so long and had so many bulk strings. */
  cut(byteLength: number, count: number): void {
    this.#length = byteLength;
    this.count = count;
  }

  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  clear(): void {
    this.cut(0, 0);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + more));
    grown.set(this.view());
    this.#buffer = grown;
  }
}

/** A whole command: the call of a script with its keys and arguments, the first ones of each as words. */
export function scriptCall(
  sha: string,
  firstKeys: readonly string[],
  keys: CommandBuffer,
  firstArgs: readonly string[],
  args: CommandBuffer,
): Buffer {
  const keyCount = firstKeys.length + keys.count;
  const bulk = (words: readonly string[]) => words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('');
  const head = `*${3 + keyCount + firstArgs.length + args.count}\r\n${bulk(['EVALSHA', sha, String(keyCount), ...firstKeys])}`;
  return Buffer.concat([Buffer.from(head), keys.view(), Buffer.from(bulk(firstArgs)), args.view()]);
}
