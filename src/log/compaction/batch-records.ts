/** What compaction sees of a stored batch. */
import { TailraceError } from '../../contracts/errors.ts';
import { CODEC_BITS, CONTROL_BIT } from '../../wire/batch-header.ts';
import { decompress, MAX_DECOMPRESSED_BYTES } from '../../wire/compression/decompress.ts';
import { type RawRecord, rawRecords } from '../../wire/raw-records.ts';
import { type BatchHeader, HEADER_BYTES, readBatchHeader } from '../../wire/record-batch.ts';

export interface OpenedBatch {
  readonly header: BatchHeader;
  /** The records, not compressed. */
  readonly block: Uint8Array;
  readonly records: readonly RawRecord[];
}

/**
 * Null for a batch that compaction leaves as it is: control batches, one that decompresses to too much, one whose records
 * cannot be read.
 */
export function openBatch(bytes: Uint8Array): OpenedBatch | null {
  const header = readBatchHeader(bytes, 0);
  if ((header.attributes & CONTROL_BIT) !== 0) return null;
  try {
    const block = decompress(header.attributes & CODEC_BITS, bytes.subarray(HEADER_BYTES), MAX_DECOMPRESSED_BYTES);
    return { header, block, records: [...rawRecords(block, header.count)] };
  } catch (error) {
    if (error instanceof TailraceError && error.code === 'log.invalid_batch') return null;
    throw error;
  }
}
