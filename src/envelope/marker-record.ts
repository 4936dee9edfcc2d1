/**
 * Markers: records that speak of a whole table. Their key is `{"$marker":<kind>,"scope":"<schema>.<table>"}`, so that
 * compaction keeps the last of each kind. A truncate has Debezium's op `t`; the others, which Debezium does not know, are `m`
 * and carry `"marker":{"snapshot":<id>,"sweepBelow":<version>}`.
 */
import type { TableSchema } from '../contracts/schema.ts';
import type { SourceMarker } from '../contracts/source.ts';
import type { TableRecords } from './table-records.ts';

const NO_ROWS = '{"before":null,"after":null';

/** @param sweepBelow version of the snapshot's begin marker, for its end marker */
export function writeMarker(records: TableRecords, marker: SourceMarker, sweepBelow: bigint | null): void {
  const { builder } = records;
  const key = Buffer.from(markerKey(marker.op, marker.table));
  records.open();
  builder.write(Buffer.from(NO_ROWS + details(marker, sweepBelow)));
  const keyAt = records.close((marker.op === 'truncate' ? 't' : 'm').charCodeAt(0), key.length);
  builder.bytes.set(key, keyAt);
  records.done();
}

export function markerKey(kind: string, { schema, table }: TableSchema): string {
  return JSON.stringify({ $marker: kind, scope: `${schema}.${table}` });
}

function details(marker: SourceMarker, sweepBelow: bigint | null): string {
  if (marker.op === 'truncate') return '';
  const { snapshot } = marker;
  return `,"marker":${JSON.stringify({ snapshot, ...(sweepBelow !== null && { sweepBelow: String(sweepBelow) }) })}`;
}
