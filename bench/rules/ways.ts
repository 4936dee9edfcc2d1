/** The ways from batches to batches that are compared. Each reads the same records and writes records with key and headers. */
import type { RowTransform } from '../../src/contracts/rules.ts';
import { ChangeWriter } from '../../src/envelope/change-writer.ts';
import type { DirectRowWriter } from '../../src/envelope/direct-row-writer.ts';
import { createEnvelope } from '../../src/envelope/index.ts';
import { tableTemplate } from '../../src/envelope/table-template.ts';
import { createRules } from '../../src/rules/index.ts';
import { RecordBatchBuilder, type RecordHeader, readRecords } from '../../src/wire/record-batch.ts';
import { begin, encoder, type Input, SOURCE, STARTED_MS, STEPS } from './workload.ts';

export interface Way {
  readonly name: string;
  /** Batches of the output; the buffers may be used again by the next run. */
  readonly run: () => readonly Uint8Array[];
}

export function rulesWay({ table, schemas: announced, batches }: Input): Way {
  const envelope = createEnvelope({ productVersion: '0.1.0' });
  const schemas = envelope.schemas();
  for (const record of announced) schemas.add(record);
  const transform: RowTransform = createRules().compile(STEPS, table, { maskKey: null });
  const facts = { productVersion: '0.1.0', connector: 'bench', source: SOURCE, database: '' };
  const run = () => {
    const into = encoder();
    const output = into.register(transform.output);
    const writer = new ChangeWriter(tableTemplate(output, facts), into.writer(output) as DirectRowWriter);
    begin(into);
    for (const batch of batches) {
      for (const record of readRecords(batch)) {
        const change = envelope.decode(record, schemas);
        if (change !== null) for (const result of transform.apply(change)) writer.write(result);
      }
    }
    into.end();
    return into
      .take()
      .filter(({ topic }) => !topic.endsWith('__schemas'))
      .map(({ bytes }) => bytes);
  };
  return { name: 'Tailrace', run };
}

/** What a way by hand makes of a value. Null: the row is refused, and the caller writes its delete. */
export type Convert = (value: Buffer) => Uint8Array | null;
/** The value of the delete for a record that was refused. */
export type Delete = (value: Buffer, key: Buffer) => Uint8Array;

const ROLL_BYTES = 512 << 10;

export function wayByHand(name: string, { batches }: Input, convert: Convert, deleted: Delete): Way {
  const headers: RecordHeader[] = [
    { key: 'tr-version', value: Buffer.alloc(8, 1) },
    { key: 'tr-schema', value: Buffer.alloc(8, 2) },
  ];
  const run = () => {
    const finished: Uint8Array[] = [];
    const builder = new RecordBatchBuilder();
    builder.begin(STARTED_MS);
    for (const batch of batches) {
      for (const { key, value } of readRecords(batch)) {
        const result = convert(value as Buffer);
        if (result === null) {
          builder.append(STARTED_MS, key, deleted(value as Buffer, key as Buffer), headers);
          builder.append(STARTED_MS, key, null, headers);
        } else builder.append(STARTED_MS, key, result, headers);
        if (builder.at < ROLL_BYTES) continue;
        finished.push(builder.finish());
        builder.begin(STARTED_MS);
      }
    }
    finished.push(builder.finish());
    return finished;
  };
  return { name, run };
}
