/**
 * Snappy, as Kafka clients write it: a raw block, or several of them in the framing of the Java library xerial
 * (`82 53 4e 41 50 50 59 00 · version int32 · compatible int32 · (length int32 · block)*`).
 * https://github.com/google/snappy/blob/main/format_description.txt
 */
import { invalidBatch } from '../batch-header.ts';

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER = 16;
/** A copy of three bytes yields at most 64: what declares more is a lie. */
const MAX_RATIO = 22;

/** Throws `log.invalid_batch` for bytes that are not snappy, or that would yield more than `maxBytes`. */
export function decompressSnappy(bytes: Uint8Array, maxBytes: number): Buffer {
  if (bytes.length < XERIAL_HEADER || XERIAL_MAGIC.compare(bytes, 0, XERIAL_MAGIC.length) !== 0) {
    return block(bytes, maxBytes);
  }
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const blocks: Buffer[] = [];
  let left = maxBytes;
  for (let at = XERIAL_HEADER; at < source.length; ) {
    if (at + 4 > source.length) throw broken();
    const length = source.readInt32BE(at);
    at += 4;
    if (length < 0 || length > source.length - at) throw broken();
    const output = block(source.subarray(at, at + length), left);
    left -= output.length;
    blocks.push(output);
    at += length;
  }
  return blocks.length === 1 ? blocks[0]! : Buffer.concat(blocks);
}

function block(input: Uint8Array, maxBytes: number): Buffer {
  let at = 0;
  let size = 0;
  for (let unit = 1; ; unit *= 0x80) {
    const byte = input[at++];
    if (byte === undefined || at > 5) throw broken();
    size += (byte & 0x7f) * unit;
    if (byte < 0x80) break;
  }
  if (size > maxBytes) throw invalidBatch(`it decompresses to more than ${maxBytes} bytes`, 0);
  if (size > input.length * MAX_RATIO) throw broken();
  const output = Buffer.allocUnsafe(size);
  const end = expand(input, at, output);
  if (end !== size) throw broken();
  return output;
}

/** Decodes elements until the input ends; returns how much was written. */
function expand(input: Uint8Array, from: number, output: Buffer): number {
  let at = from;
  let to = 0;
  while (at < input.length) {
    const tag = input[at++]!;
    if ((tag & 3) === 0) {
      let length = tag >> 2;
      if (length >= 60) {
        const bytes = length - 59;
        if (at + bytes > input.length) throw broken();
        length = littleEndian(input, at, bytes);
        at += bytes;
      }
      length++;
      if (length > input.length - at || length > output.length - to) throw broken();
      output.set(input.subarray(at, at + length), to);
      at += length;
      to += length;
      continue;
    }
    const short = (tag & 3) === 1;
    const offsetBytes = short ? 1 : (tag & 3) === 2 ? 2 : 4;
    if (at + offsetBytes > input.length) throw broken();
    const low = littleEndian(input, at, offsetBytes);
    const offset = short ? ((tag >> 5) << 8) | low : low;
    const length = short ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    at += offsetBytes;
    if (offset === 0 || offset > to || length > output.length - to) throw broken();
    copyWithin(output, to, offset, length);
    to += length;
  }
  return to;
}

/** Copies what lies `offset` back; source and target may overlap, the copy then repeats itself. */
export function copyWithin(output: Buffer, to: number, offset: number, length: number): void {
  const from = to - offset;
  if (offset >= length) {
    output.copyWithin(to, from, from + length);
    return;
  }
  for (let i = 0; i < length; i++) output[to + i] = output[from + i]!;
}

function littleEndian(input: Uint8Array, at: number, bytes: number): number {
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = value * 0x100 + input[at + i]!;
  return value;
}

function broken() {
  return invalidBatch('its snappy data is broken', 0);
}
