/**
 * A second decoder of record batches, written from Kafka's documentation without any of the product's code: slow, plain, with
 * bigint arithmetic. https://kafka.apache.org/documentation/#recordbatch
 */

export interface NaiveRecord {
  readonly attributes: number;
  readonly timestamp: bigint;
  readonly offset: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[];
}

export interface NaiveBatch {
  readonly size: number;
  readonly leaderEpoch: number;
  readonly magic: number;
  readonly crc: number;
  readonly attributes: number;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: bigint;
  readonly maxTimestamp: bigint;
  readonly producer: readonly [id: bigint, epoch: number, sequence: number];
  readonly records: readonly NaiveRecord[];
}

export function naiveBatch(bytes: Uint8Array): NaiveBatch {
  const buffer = Buffer.from(bytes);
  const count = buffer.readInt32BE(57);
  const baseTimestamp = buffer.readBigInt64BE(27);
  const input = { buffer, at: 61 };
  const records: NaiveRecord[] = [];
  for (let i = 0; i < count; i++) records.push(naiveRecord(input, buffer.readBigInt64BE(0), baseTimestamp));
  const size = buffer.readInt32BE(8) + 12;
  if (input.at !== size || size !== buffer.length) throw new Error(`${input.at} bytes read, ${size} declared`);
  return {
    size,
    leaderEpoch: buffer.readInt32BE(12),
    magic: buffer.readInt8(16),
    crc: buffer.readUInt32BE(17),
    attributes: buffer.readInt16BE(21),
    lastOffsetDelta: buffer.readInt32BE(23),
    baseTimestamp,
    maxTimestamp: buffer.readBigInt64BE(35),
    producer: [buffer.readBigInt64BE(43), buffer.readInt16BE(51), buffer.readInt32BE(53)],
    records,
  };
}

interface Input {
  readonly buffer: Buffer;
  at: number;
}

function naiveRecord(input: Input, baseOffset: bigint, baseTimestamp: bigint): NaiveRecord {
  const end = Number(varint(input)) + input.at;
  const attributes = input.buffer[input.at++]!;
  const timestamp = baseTimestamp + varint(input);
  const offset = baseOffset + varint(input);
  const key = bytesOf(input);
  const value = bytesOf(input);
  const headers: NaiveRecord['headers'][number][] = [];
  for (let left = varint(input); left > 0n; left--) {
    headers.push({ key: bytesOf(input)!.toString(), value: bytesOf(input) });
  }
  if (input.at !== end) throw new Error(`a record ends at ${input.at}, declared ${end}`);
  return { attributes, timestamp, offset, key, value, headers };
}

function bytesOf(input: Input): Buffer | null {
  const length = Number(varint(input));
  if (length === -1) return null;
  const bytes = input.buffer.subarray(input.at, input.at + length);
  if (length < 0 || bytes.length !== length) throw new Error('bytes reach past the end');
  input.at += length;
  return bytes;
}

function varint(input: Input): bigint {
  let zigzag = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = input.buffer[input.at++]!;
    zigzag |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return zigzag % 2n === 0n ? zigzag / 2n : -(zigzag + 1n) / 2n;
  }
}
