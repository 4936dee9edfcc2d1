/** Part of a command in Redis' wire format (RESP2: an array of bulk strings, `$<bytes>CRLF<data>CRLF`). */
import { GrowingBytes } from '../../src/sdk/target/growing-bytes.ts';

const CR = 0x0d;
const LF = 0x0a;
/** `$<n>CRLF` for the lengths that most values have. */
const HEADS = Array.from({ length: 1_024 }, (_, length) => Buffer.from(`$${length}\r\n`));

export class CommandBuffer {
  readonly #out = new GrowingBytes();
  /** Bulk strings written so far. */
  count = 0;

  get byteLength(): number {
    return this.#out.length;
  }

  text(text: string): void {
    this.#begin(Buffer.byteLength(text));
    this.#out.text(text);
    this.#end();
  }

  bytes(bytes: Uint8Array): void {
    this.#begin(bytes.length);
    this.#out.bytes(bytes);
    this.#end();
  }

  /** A bulk string that was encoded before, see `bulkString`. */
  encoded(bulk: Uint8Array): void {
    this.#out.bytes(bulk);
    this.count++;
  }

  view(): Uint8Array {
    return this.#out.view();
  }

  clear(): void {
    this.#out.clear();
    this.count = 0;
  }

  #begin(length: number): void {
    const head = HEADS[length];
    if (head === undefined) this.#out.text(`$${length}\r\n`);
    else this.#out.bytes(head);
  }

  #end(): void {
    this.#out.byte(CR);
    this.#out.byte(LF);
    this.count++;
  }
}

export function bulkString(text: string): Uint8Array {
  return Buffer.from(`$${Buffer.byteLength(text)}\r\n${text}\r\n`);
}

/** A whole command: the call of a script with its keys and arguments. */
export function scriptCall(sha: string, keys: CommandBuffer, args: CommandBuffer): Buffer {
  const count = String(keys.count);
  const words = ['EVALSHA', sha, count].map((word) => `$${word.length}\r\n${word}\r\n`).join('');
  return Buffer.concat([Buffer.from(`*${3 + keys.count + args.count}\r\n${words}`), keys.view(), args.view()]);
}
