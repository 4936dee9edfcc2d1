/** Time lookup in a log that has no index of times: looks at every batch. */

import type { Log, StoredBatch } from '../contracts/log.ts';
import type { TimeIndex } from '../contracts/log-admin.ts';
import { readBatchHeader } from '../wire/record-batch.ts';

const READ_BYTES = 1 << 20;

export function scanningTimeIndex(log: Log): TimeIndex {
  return {
    async firstSince(topic, partition, from, timestamp) {
      for await (const batch of batchesOf(log, topic, partition, from)) {
        if (maxTimestampOf(batch) >= timestamp) return batch;
      }
      return null;
    },
    async newest(topic, partition) {
      let newest: StoredBatch | null = null;
      const start = log.topics.get(topic)?.partitions[partition]?.startOffset ?? 0n;
      for await (const batch of batchesOf(log, topic, partition, start)) {
        if (newest === null || maxTimestampOf(batch) > maxTimestampOf(newest)) newest = batch;
      }
      return newest;
    },
  };
}

async function* batchesOf(
  log: Log,
  topic: string,
  partition: number,
  from: bigint,
): AsyncGenerator<StoredBatch, void, undefined> {
  let next = from;
  for (;;) {
    const batches = await log.read(topic, partition, next, READ_BYTES);
    yield* batches;
    const last = batches.at(-1);
    if (last === undefined) return;
    next = last.nextOffset;
  }
}

function maxTimestampOf({ bytes }: StoredBatch): number {
  return readBatchHeader(bytes, 0).maxTimestamp;
}
