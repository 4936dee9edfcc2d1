/** Every batch of a recovered log, and every range that cannot be read. */
import type { Files, OpenFile } from '../../lib/files.ts';
import { HEADER_BYTES, readBatchHeader } from '../../wire/record-batch.ts';
import type { Partition } from '../partition.ts';
import { placed } from '../partition-read.ts';
import { verifiedBatch } from '../segment-batches.ts';
import { walkSegment } from '../segment-walk.ts';

export interface Look {
  readonly base: bigint;
  readonly next: bigint;
  readonly size: number;
  readonly records: number;
  /** ms since 1970. */
  readonly maxTimestamp: number;
  readonly readable: boolean;
}

/** In order of offsets; ranges that recovery knows to be lost come where they lie. */
export async function* batchesOf(partition: Partition, files: Files): AsyncGenerator<Look, void, undefined> {
  for (const { from, to } of partition.holes) yield unreadable(from, to, 0);
  for (const segment of partition.segments) {
    const span = { size: segment.size, end: partition.segmentEnd(segment.base) };
    const file = await openOrNull(files, `${segment.path}.log`);
    if (file === null) {
      if (span.end > segment.base) yield unreadable(segment.base, span.end, 0);
      continue;
    }
    try {
      for await (const step of walkSegment(file, span, { position: 0, offset: segment.base })) {
        yield step.batch === null ? unreadable(step.from, step.to, 0) : looked(step.batch.bytes, step.batch);
      }
    } finally {
      await file.close();
    }
  }
  for (const recent of partition.recent) {
    const { bytes } = await placed(recent);
    const whole = bytes.length >= HEADER_BYTES && verifiedBatch(Buffer.from(bytes), 0) !== null;
    yield whole ? looked(bytes, recent) : unreadable(recent.base, recent.next, recent.size);
  }
}

async function openOrNull(files: Files, path: string): Promise<OpenFile | null> {
  try {
    return await files.open(path, 'read');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function looked(bytes: Uint8Array, { base, next }: { readonly base: bigint; readonly next: bigint }): Look {
  const { count, maxTimestamp } = readBatchHeader(bytes, 0);
  return { base, next, size: bytes.length, records: count, maxTimestamp, readable: true };
}

function unreadable(base: bigint, next: bigint, size: number): Look {
  return { base, next, size, records: 0, maxTimestamp: 0, readable: false };
}
