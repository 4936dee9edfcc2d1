/**
 * Variable-length integers of Protocol Buffers as Kafka uses them in records: seven bits a byte, low ones first, the high
 * bit says that more follow; signed numbers zigzag (0, -1, 1, -2 …).
 * https://protobuf.dev/programming-guides/encoding/#signed-ints
 */

/** Bytes of a zigzag varint. @param value int32 */
export function varintSize(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x200000) return 3;
  return zigzag < 0x10000000 ? 4 : 5;
}

/** Writes a zigzag varint and returns the position after it. @param value int32 */
export function writeVarint(buffer: Uint8Array, at: number, value: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  let next = at;
  while (zigzag >= 0x80) {
    buffer[next++] = (zigzag & 0x7f) | 0x80;
    zigzag >>>= 7;
  }
  buffer[next++] = zigzag;
  return next;
}

/** Bytes of a zigzag varlong. @param value safe integer below 2^52 in size */
export function varlongSize(value: number): number {
  let rest = value >= 0 ? value * 2 : -value * 2 - 1;
  let size = 1;
  while (rest >= 0x80) {
    rest = Math.floor(rest / 0x80);
    size++;
  }
  return size;
}

/** Writes a zigzag varlong and returns the position after it. @param value safe integer below 2^52 in size */
export function writeVarlong(buffer: Uint8Array, at: number, value: number): number {
  let rest = value >= 0 ? value * 2 : -value * 2 - 1;
  let next = at;
  while (rest >= 0x80) {
    buffer[next++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  buffer[next++] = rest;
  return next;
}

/** Bytes of an unsigned 32-bit number, big-endian. */
export function writeUint32(buffer: Uint8Array, at: number, value: number): void {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
}

export function readUint32(buffer: Uint8Array, at: number): number {
  return ((buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!) >>> 0;
}

/** An int64 that is known to fit a JS number exactly, or loses its low bits: only for times in ms. */
export function readInt64AsNumber(buffer: Uint8Array, at: number): number {
  return (readUint32(buffer, at) | 0) * 2 ** 32 + readUint32(buffer, at + 4);
}

export function readInt64(buffer: Uint8Array, at: number): bigint {
  return (BigInt(readUint32(buffer, at) | 0) << 32n) | BigInt(readUint32(buffer, at + 4));
}

/** @param value safe integer */
export function writeInt64(buffer: Uint8Array, at: number, value: number): void {
  writeUint32(buffer, at, Math.floor(value / 2 ** 32));
  writeUint32(buffer, at + 4, value);
}

export function writeBigInt64(buffer: Uint8Array, at: number, value: bigint): void {
  writeUint32(buffer, at, Number((value >> 32n) & 0xffffffffn));
  writeUint32(buffer, at + 4, Number(value & 0xffffffffn));
}
