import type { SchemaStore } from '../contracts/envelope.ts';
import type { PendingBatch } from '../contracts/log.ts';
import type { Change } from '../contracts/row.ts';
import { readRecords } from '../wire/record-batch.ts';
import type { RecordDecoder } from './record-decoder.ts';
import { schemasTopicOf } from './topic-name.ts';

/** The changes in what an encoder has made, which was not written to a log. Takes in the schemas that come with them. */
export function batchChanges(
  batches: readonly PendingBatch[],
  source: string,
  schemas: SchemaStore,
  decoder: RecordDecoder,
): readonly Change[] {
  const announced = schemasTopicOf(source);
  for (const { topic, bytes } of batches) {
    if (topic === announced) for (const record of readRecords(bytes)) schemas.add(record);
  }
  return batches
    .filter(({ topic }) => topic !== announced)
    .flatMap(({ bytes }) => [...readRecords(bytes)].flatMap((record) => decoder.decode(record, schemas) ?? []));
}
