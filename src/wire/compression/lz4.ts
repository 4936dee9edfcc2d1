/**
 * LZ4 frames. Checksums inside the frame are not compared: the record batch has its own.
 * https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md, lz4_Block_format.md
 */
import { invalidBatch } from '../batch-header.ts';
import { copyWithin } from './snappy.ts';

const MAGIC = 0x184d2204;
const FLAG_DICTIONARY = 0x01;
const FLAG_CONTENT_CHECKSUM = 0x04;
const FLAG_CONTENT_SIZE = 0x08;
const FLAG_BLOCK_CHECKSUM = 0x10;
const STORED = 0x80000000;
const MIN_MATCH = 4;

/** Throws `log.invalid_batch` for bytes that are not LZ4 frames, or that would yield more than `maxBytes`. */
export function decompressLz4(bytes: Uint8Array, maxBytes: number): Buffer {
  const input = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const output = new Output(maxBytes, bytes.length * 4);
  let at = 0;
  do {
    at = frame(input, at, output);
  } while (at < input.length);
  return output.finish();
}

/** Decodes the frame at `at`; returns where the next may begin. */
function frame(input: Buffer, start: number, output: Output): number {
  if (start + 7 > input.length || input.readUInt32LE(start) !== MAGIC) throw broken();
  const flags = input[start + 4]!;
  if (flags >> 6 !== 1 || (flags & FLAG_DICTIONARY) !== 0) throw broken();
  let at = start + 7 + ((flags & FLAG_CONTENT_SIZE) === 0 ? 0 : 8);
  const trailer = (flags & FLAG_BLOCK_CHECKSUM) === 0 ? 0 : 4;
  for (;;) {
    if (at + 4 > input.length) throw broken();
    const field = input.readUInt32LE(at);
    at += 4;
    if (field === 0) break;
    const length = field % STORED;
    if (length + trailer > input.length - at) throw broken();
    const data = input.subarray(at, at + length);
    if (field >= STORED) output.literals(data, 0, length);
    else block(data, output);
    at += length + trailer;
  }
  if ((flags & FLAG_CONTENT_CHECKSUM) !== 0) at += 4;
  if (at > input.length) throw broken();
  return at;
}

/** Sequences of `token · literals · match`; the last one has no match. */
function block(input: Buffer, output: Output): void {
  let at = 0;
  while (at < input.length) {
    const token = input[at++]!;
    let literals = token >> 4;
    if (literals === 15) {
      let byte: number;
      do {
        if (at >= input.length) throw broken();
        literals += byte = input[at++]!;
      } while (byte === 255);
    }
    if (literals > input.length - at) throw broken();
    output.literals(input, at, literals);
    at += literals;
    if (at === input.length) return;
    if (at + 2 > input.length) throw broken();
    const offset = input.readUInt16LE(at);
    at += 2;
    let length = token & 15;
    if (length === 15) {
      let byte: number;
      do {
        if (at >= input.length) throw broken();
        length += byte = input[at++]!;
      } while (byte === 255);
    }
    output.match(offset, length + MIN_MATCH);
  }
}

/** A buffer that grows with what is really written, up to a limit. */
class Output {
  readonly #maxBytes: number;
  #bytes: Buffer;
  #at = 0;

  constructor(maxBytes: number, firstBytes: number) {
    this.#maxBytes = maxBytes;
    this.#bytes = Buffer.allocUnsafe(Math.min(maxBytes, firstBytes));
  }

  literals(input: Buffer, from: number, length: number): void {
    this.#reserve(length);
    input.copy(this.#bytes, this.#at, from, from + length);
    this.#at += length;
  }

  match(offset: number, length: number): void {
    if (offset === 0 || offset > this.#at) throw broken();
    this.#reserve(length);
    copyWithin(this.#bytes, this.#at, offset, length);
    this.#at += length;
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  #reserve(length: number): void {
    const needed = this.#at + length;
    if (needed <= this.#bytes.length) return;
    if (needed > this.#maxBytes) throw invalidBatch(`it decompresses to more than ${this.#maxBytes} bytes`, 0);
    const larger = Buffer.allocUnsafe(Math.min(this.#maxBytes, Math.max(needed, this.#bytes.length * 2)));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

function broken() {
  return invalidBatch('its LZ4 data is broken', 0);
}
