/** The times of the records inside a stored batch. */
import { CODEC_BITS, LOG_APPEND_TIME_BIT } from '../wire/batch-header.ts';
import { decompress } from '../wire/compression/decompress.ts';
import { Cursor } from '../wire/cursor.ts';
import { HEADER_BYTES, readBatchHeader } from '../wire/record-batch.ts';

export interface RecordTime {
  readonly offset: bigint;
  /** ms since 1970. */
  readonly timestamp: number;
}

/** In order of offset. Throws `log.invalid_batch` for bytes that are not records. @param maxBytes see `decompress` */
export function* recordTimes(batch: Uint8Array, maxBytes: number): Generator<RecordTime, void, undefined> {
  const { attributes, baseOffset, baseTimestamp, maxTimestamp, count, size } = readBatchHeader(batch, 0);
  const bytes = decompress(attributes & CODEC_BITS, batch.subarray(HEADER_BYTES, size), maxBytes);
  const cursor = new Cursor(bytes, 0, bytes.length);
  for (let i = 0; i < count; i++) {
    const length = cursor.varint();
    const end = cursor.at + length;
    cursor.skip(1);
    const delta = cursor.varlong();
    const timestamp = (attributes & LOG_APPEND_TIME_BIT) === 0 ? baseTimestamp + delta : maxTimestamp;
    yield { offset: baseOffset + BigInt(cursor.varint()), timestamp };
    cursor.skip(end - cursor.at);
  }
}
