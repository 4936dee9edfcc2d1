/** Rows written through an encoder and read back from its batches. */
import type { SchemaStore, SourceEncoder, SourceEncoderOptions } from '../../src/contracts/envelope.ts';
import type { LogRecord, PendingBatch } from '../../src/contracts/log.ts';
import type { Change, RowOp, RowWriter } from '../../src/contracts/row.ts';
import type { TableSchema } from '../../src/contracts/schema.ts';
import type { SourceTransaction } from '../../src/contracts/source.ts';
import { createEnvelope } from '../../src/envelope/index.ts';
import { checkBatch, readRecords } from '../../src/wire/record-batch.ts';

export const envelope = createEnvelope({ productVersion: '1.2.3' });

/** 2026-11-21T12:26:18.774Z */
export const NOW_MS = 1_795_263_978_774;

export const TRANSACTION: SourceTransaction = {
  id: '740',
  kind: 'stream',
  timeUs: NOW_MS * 1_000 - 190,
  position: '16/B374D848',
};

export function newEncoder(options: Partial<SourceEncoderOptions> = {}): SourceEncoder {
  return envelope.encoder({
    source: 'shop',
    version: null,
    now: () => NOW_MS,
    connector: 'testdb',
    transform: null,
    ...options,
  });
}

export const SNAPSHOT: SourceTransaction = { ...TRANSACTION, id: '3:7:', kind: 'snapshot' };

/** A column as a source hands it over: canonical text, JSON, null, or not sent. */
export type SentColumn = { readonly text: Uint8Array | string } | { readonly json: string } | null | undefined;

export interface SentRow {
  readonly op: RowOp;
  readonly before?: readonly SentColumn[];
  readonly after?: readonly SentColumn[];
}

export function writeRow(writer: RowWriter, { op, before, after }: SentRow): void {
  writer.begin(op);
  for (const [side, columns] of [
    ['before', before],
    ['after', after],
  ] as const) {
    if (columns === undefined) continue;
    writer.side(side);
    for (const [i, column] of columns.entries()) writeColumn(writer, i, column);
  }
  writer.end();
}

/** Out of the middle of a larger buffer, as a source does it. */
function writeColumn(writer: RowWriter, index: number, column: SentColumn): void {
  if (column === undefined) writer.unchanged(index);
  else if (column === null) writer.null(index);
  else {
    const bytes = Buffer.from('text' in column ? column.text : column.json);
    const around = Buffer.concat([Buffer.from('"\\x'), bytes, Buffer.from('\u0001"')]);
    if ('text' in column) writer.text(index, around, 3, 3 + bytes.length);
    else writer.json(index, around, 3, 3 + bytes.length);
  }
}

/** One transaction of rows of one table. */
export function writeRows(
  encoder: SourceEncoder,
  table: TableSchema,
  rows: readonly SentRow[],
  transaction: SourceTransaction = TRANSACTION,
): void {
  const writer = encoder.writer(table);
  encoder.begin(transaction);
  for (const row of rows) writeRow(writer, row);
  encoder.end();
}

/** Records of one topic, batches checked, offsets rising. */
export function recordsOf(batches: readonly PendingBatch[], topic: string): LogRecord[] {
  return batches
    .filter((batch) => batch.topic === topic)
    .flatMap(({ bytes }) => {
      if (checkBatch(bytes, 0, bytes.length) !== bytes.length) throw new Error('a batch is longer than it says');
      return [...readRecords(bytes)];
    });
}

/** Everything that a take holds of one table, decoded with the schemas that it brings; null for tombstones. */
export function changesOf(
  batches: readonly PendingBatch[],
  topic: string,
  source = 'shop',
  schemas: SchemaStore = envelope.schemas(),
): (Change | null)[] {
  for (const record of recordsOf(batches, `${source}.__schemas`)) schemas.add(record);
  return recordsOf(batches, topic).map((record) => envelope.decode(record, schemas));
}

/** The record's value as any JSON reader sees it. */
export function valueJson({ value }: LogRecord): Record<string, unknown> {
  return JSON.parse(Buffer.from(value!).toString()) as Record<string, unknown>;
}
