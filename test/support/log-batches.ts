/** Record batches of a log under test, and what it holds. */
import type { Log, TopicPartition } from '../../src/contracts/log.ts';
import { RecordBatchBuilder } from '../../src/wire/record-batch.ts';

/** One batch with a record per value; the values' texts are the records' keys too. */
export function batchOf(values: readonly string[]): Uint8Array {
  const builder = new RecordBatchBuilder();
  builder.begin(1_700_000_000_000);
  for (const value of values) builder.append(1_700_000_000_000, Buffer.from(value.slice(0, 20)), Buffer.from(value));
  return builder.finish();
}

/** Values of all records of a partition from `from` on, read in pieces of about `maxBytes`; checks that offsets have no holes. */
export async function valuesIn(
  log: Pick<Log, 'read'> & { readonly topics: Pick<Log['topics'], 'get'> },
  { topic, partition }: TopicPartition,
  maxBytes = 1 << 20,
  from = 0n,
): Promise<string[]> {
  const values: string[] = [];
  const end = log.topics.get(topic)!.partitions[partition]!.endOffset;
  let next = from;
  while (next < end) {
    const batches = await log.read(topic, partition, next, maxBytes);
    if (batches.length === 0) throw new Error(`${topic}-${partition}: nothing at ${next}, below the end ${end}`);
    for (const batch of batches) {
      for (const record of batch.records()) {
        if (record.offset < next) continue;
        if (record.offset !== next)
          throw new Error(`${topic}-${partition}: offset ${record.offset} instead of ${next}`);
        values.push(Buffer.from(record.value!).toString());
        next++;
      }
      if (next !== batch.nextOffset)
        throw new Error(`${topic}-${partition}: batch ends at ${batch.nextOffset}, not ${next}`);
    }
  }
  if (next !== end) throw new Error(`${topic}-${partition}: records above the end ${end}`);
  return values;
}
