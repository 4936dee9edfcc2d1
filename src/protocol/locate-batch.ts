import type { Log, TopicPartition } from '../contracts/log.ts';
import { readBatchHeader } from '../wire/record-batch.ts';
import type { ProducerBatch } from './producers.ts';

const READ_BYTES = 1 << 20;

/** Looks for a producer's batch at or after `from`; -1 when retention has removed it. */
export async function locateBatch(log: Log, at: TopicPartition, batch: ProducerBatch, from: bigint): Promise<bigint> {
  const { topic, partition } = at;
  const start = log.topics.get(topic)?.partitions[partition]?.startOffset ?? 0n;
  for (let next = from > start ? from : start; ; ) {
    const batches = await log.read(topic, partition, next, READ_BYTES);
    for (const { bytes, baseOffset, nextOffset } of batches) {
      const { producerId, producerEpoch, baseSequence } = readBatchHeader(bytes, 0);
      const same = producerId === batch.producerId && producerEpoch === batch.producerEpoch;
      if (same && baseSequence === batch.baseSequence) return baseOffset;
      next = nextOffset;
    }
    if (batches.length === 0) return -1n;
  }
}
