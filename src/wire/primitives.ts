/**
 * Primitive types of the Kafka protocol. https://kafka.apache.org/protocol#protocol_types
 *
 * Each message version is either classic (lengths are fixed-size integers, -1 is null) or flexible (KIP-482: lengths are
 * unsigned varints plus one, 0 is null; every structure ends with tagged fields). The reader and writer know which.
 */
import { TailraceError } from '../contracts/errors.ts';

/** `kafka.malformed`: the peer's bytes are not what the protocol says. */
export function malformed(reason: string, at: number): TailraceError {
  return new TailraceError('kafka.malformed', `malformed message at byte ${at}: ${reason}`);
}

/**
 * Most array elements in one message. A count is bounded by the bytes that are there, but an element of few bytes becomes
 * an object of many; this bounds what a message can make us allocate.
 */
const MAX_ELEMENTS = 200_000;

/** Reads from a range of bytes and never past it: every overrun and impossible length is `kafka.malformed`. */
export class ProtocolReader {
  readonly bytes: Buffer;
  at: number;
  readonly end: number;
  flexible = false;
  #elements = 0;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.at;
  }

  int8(): number {
    return this.bytes.readInt8(this.take(1));
  }

  int16(): number {
    return this.bytes.readInt16BE(this.take(2));
  }

  int32(): number {
    return this.bytes.readInt32BE(this.take(4));
  }

  int64(): bigint {
    return this.bytes.readBigInt64BE(this.take(8));
  }

  boolean(): boolean {
    return this.bytes[this.take(1)] !== 0;
  }

  /** At most five bytes, at most 2^32 - 1. */
  unsignedVarint(): number {
    let value = 0;
    for (let unit = 1; unit <= 2 ** 28; unit *= 0x80) {
      const byte = this.bytes[this.take(1)]!;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) {
        if (value > 0xffffffff) break;
        return value;
      }
    }
    throw malformed('a varint is too long', this.at);
  }

  /** Number of elements, or -1 for null; each takes at least `elementBytes`. */
  arrayLength(elementBytes: number): number {
    const length = this.flexible ? this.unsignedVarint() - 1 : this.int32();
    if (length < -1 || length * elementBytes > this.remaining) throw malformed('impossible array length', this.at);
    this.#elements += Math.max(0, length);
    if (this.#elements > MAX_ELEMENTS) throw malformed('too many array elements', this.at);
    return length;
  }

  /** Null for null. The text is copied. */
  string(): string | null {
    const length = this.flexible ? this.unsignedVarint() - 1 : this.int16();
    return this.#text(length);
  }

  /** A string of a version that is never flexible: in request headers. */
  classicString(): string | null {
    return this.#text(this.int16());
  }

  #text(length: number): string | null {
    if (length === -1) return null;
    const from = this.take(length);
    return this.bytes.toString('utf8', from, from + length);
  }

  /** A view, or null. */
  byteView(): Buffer | null {
    const length = this.flexible ? this.unsignedVarint() - 1 : this.int32();
    if (length === -1) return null;
    const from = this.take(length);
    return this.bytes.subarray(from, from + length);
  }

  /** 32 hex digits. */
  uuid(): string {
    const from = this.take(16);
    return this.bytes.toString('hex', from, from + 16);
  }

  /** Steps over `length` bytes and returns where they start. */
  take(length: number): number {
    const from = this.at;
    if (length < 0 || length > this.end - from) throw malformed('a field reaches past the end', from);
    this.at = from + length;
    return from;
  }
}

const FIRST_CAPACITY = 512;
/** Larger byte strings are passed on instead of copied. */
const COPY_BELOW = 1 << 10;
const MAX_CLASSIC_STRING = 0x7fff;

/** Builds one message as a list of pieces, so that large byte strings (record batches) go out without a copy. */
export class ProtocolWriter {
  flexible = false;
  /** Bytes written so far. */
  size = 0;
  #pieces: Uint8Array[] = [];
  #buffer = Buffer.allocUnsafe(FIRST_CAPACITY);
  /** Start in `#buffer` of what is not yet in `#pieces`. */
  #from = 0;
  #at = 0;

  int8(value: number): void {
    const at = this.#room(1);
    this.#buffer.writeInt8(value, at);
  }

  int16(value: number): void {
    const at = this.#room(2);
    this.#buffer.writeInt16BE(value, at);
  }

  int32(value: number): void {
    const at = this.#room(4);
    this.#buffer.writeInt32BE(value, at);
  }

  int64(value: bigint): void {
    const at = this.#room(8);
    this.#buffer.writeBigInt64BE(value, at);
  }

  boolean(value: boolean): void {
    this.int8(value ? 1 : 0);
  }

  /** @param value integer from 0 to 2^32 - 1 */
  unsignedVarint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      const at = this.#room(1);
      this.#buffer[at] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    const at = this.#room(1);
    this.#buffer[at] = rest;
  }

  /** @param length number of elements, -1 for null */
  arrayLength(length: number): void {
    if (this.flexible) this.unsignedVarint(length + 1);
    else this.int32(length);
  }

  string(value: string | null): void {
    if (this.flexible) {
      const length = value === null ? -1 : Buffer.byteLength(value);
      this.unsignedVarint(length + 1);
      if (value !== null) this.#text(value, length);
    } else {
      this.classicString(value);
    }
  }

  classicString(value: string | null): void {
    const length = value === null ? -1 : Buffer.byteLength(value);
    if (length > MAX_CLASSIC_STRING) throw new TailraceError('internal.bug', 'a string is too long for the protocol');
    this.int16(length);
    if (value !== null) this.#text(value, length);
  }

  #text(value: string, length: number): void {
    const at = this.#room(length);
    this.#buffer.write(value, at, length);
  }

  /** The pieces one after the other as one byte string. Large pieces are kept, not copied. */
  byteString(pieces: readonly Uint8Array[] | null): void {
    let length = pieces === null ? -1 : 0;
    for (const piece of pieces ?? []) length += piece.length;
    if (this.flexible) this.unsignedVarint(length + 1);
    else this.int32(length);
    for (const piece of pieces ?? []) this.raw(piece);
  }

  raw(piece: Uint8Array): void {
    if (piece.length < COPY_BELOW) {
      const at = this.#room(piece.length);
      this.#buffer.set(piece, at);
      return;
    }
    this.#closePiece();
    this.#pieces.push(piece);
    this.size += piece.length;
  }

  /** @param value 32 hex digits */
  uuid(value: string): void {
    const at = this.#room(16);
    this.#buffer.write(value, at, 16, 'hex');
  }

  /** The message; the writer is used up. */
  finish(): readonly Uint8Array[] {
    this.#closePiece();
    return this.#pieces;
  }

  #closePiece(): void {
    if (this.#at > this.#from) this.#pieces.push(this.#buffer.subarray(this.#from, this.#at));
    this.#from = this.#at;
  }

  #room(length: number): number {
    if (this.#at + length > this.#buffer.length) {
      this.#closePiece();
      this.#buffer = Buffer.allocUnsafe(Math.max(FIRST_CAPACITY, Math.min(this.size, 1 << 16), length));
      this.#from = 0;
      this.#at = 0;
    }
    const at = this.#at;
    this.#at += length;
    this.size += length;
    return at;
  }
}
