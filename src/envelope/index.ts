/** Change records ⇄ bytes: Debezium's envelope as JSON, in Kafka record batches. */
import type { Envelope } from '../contracts/envelope.ts';
import { RecordBatchBuilder } from '../wire/record-batch.ts';
import { batchChanges } from './batch-changes.ts';
import { changeJson } from './change-json.ts';
import { RecordDecoder } from './record-decoder.ts';
import { RowView } from './row-view.ts';
import { MemorySchemaStore } from './schema-store.ts';
import { EnvelopeEncoder } from './source-encoder.ts';
import { topicOf } from './topic-name.ts';

/** @param options.productVersion what records say in `source.version` */
export function createEnvelope({ productVersion }: { readonly productVersion: string }): Envelope {
  const decoder = new RecordDecoder();
  return {
    encoder: (options) => new EnvelopeEncoder(options, productVersion),
    schemas: () => new MemorySchemaStore(),
    decode: (record, schemas) => decoder.decode(record, schemas),
    changes: (batches, source, schemas) => batchChanges(batches, source, schemas, decoder),
    batch(records, now) {
      const builder = new RecordBatchBuilder();
      builder.begin(now);
      for (const { key, value, headers } of records) builder.append(now, key, value, headers);
      return builder.finish();
    },
    row: RowView.of,
    topicOf,
    changeJson: (change) => changeJson(change, productVersion),
  };
}
