/** Record batches as a producer sends them, and as a liar does. */
import { crc32c } from '../../src/lib/crc32c.ts';
import { RecordBatchBuilder, type RecordHeader } from '../../src/wire/record-batch.ts';

export interface ProducedRecord {
  readonly key?: string | null;
  readonly value: string | null;
  /** ms since 1970. */
  readonly timestamp?: number;
  readonly headers?: readonly RecordHeader[];
}

export interface ProducerFields {
  readonly producerId?: bigint;
  readonly epoch?: number;
  readonly sequence?: number;
}

/** @param records strings: values without key */
export function producedBatch(records: readonly (string | ProducedRecord)[], producer: ProducerFields = {}): Buffer {
  const builder = new RecordBatchBuilder();
  const list = records.map((record) => (typeof record === 'string' ? { value: record } : record));
  builder.begin(list[0]?.timestamp ?? 1_000);
  for (const { key = null, value, timestamp = 1_000, headers = [] } of list) {
    const bytes = (text: string | null) => (text === null ? null : Buffer.from(text));
    builder.append(timestamp, bytes(key), bytes(value), headers);
  }
  const batch = Buffer.from(builder.finish());
  const { producerId = -1n, epoch = -1, sequence = -1 } = producer;
  batch.writeBigInt64BE(producerId, 43);
  batch.writeInt16BE(epoch, 51);
  batch.writeInt32BE(sequence, 53);
  return signed(batch);
}

/** With the checksum that fits what is in it. */
export function signed(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

/** The same records behind a codec. @param compress of the bytes after the header */
export function compressedBatch(batch: Buffer, codec: number, compress: (records: Buffer) => Buffer): Buffer {
  const compressed = Buffer.concat([batch.subarray(0, 61), compress(batch.subarray(61))]);
  compressed.writeInt32BE(compressed.length - 12, 8);
  compressed.writeInt16BE(compressed.readInt16BE(21) | codec, 21);
  return signed(compressed);
}
