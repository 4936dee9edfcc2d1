/** A batch as readers of the log get it. */
import type { LogRecord, StoredBatch } from '../contracts/log.ts';
import { readRecords } from '../wire/record-batch.ts';
import type { SegmentBatch } from './segment-batches.ts';

export class ReadBatch implements StoredBatch {
  readonly baseOffset: bigint;
  readonly nextOffset: bigint;
  readonly bytes: Uint8Array;

  constructor({ base, next, bytes }: SegmentBatch) {
    this.baseOffset = base;
    this.nextOffset = next;
    this.bytes = bytes;
  }

  records(): Iterable<LogRecord> {
    return readRecords(this.bytes);
  }
}
