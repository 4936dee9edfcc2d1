/** Kafka record batches, format 2: what the log and the envelope use of the codec. */
export type { BatchHeader } from './batch-header.ts';
export { checkBatch, HEADER_BYTES, placeBatch, readBatchHeader } from './batch-header.ts';
export { isLent, recycleBatch } from './buffer-pool.ts';
export { GrowingBuffer } from './growing-buffer.ts';
export { isKnownValid, rememberValid } from './known-batches.ts';
export type { RecordHeader } from './record-batch-builder.ts';
export { RecordBatchBuilder } from './record-batch-builder.ts';
export { readRecords } from './record-reader.ts';
