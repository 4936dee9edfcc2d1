/** Changes and errors as JSON shows them. */
import type { ShownChange, ShownRow } from '../../contracts/inspect.ts';
import type { Change, Row } from '../../contracts/row.ts';
import { parseExact } from '../../lib/exact-json.ts';

export function shownChange(change: Change): ShownChange {
  const { op, table, key, version, timeUs, position, transaction, before, after } = change;
  return {
    op,
    table: `${table.schema}.${table.table}`,
    key,
    version: String(version),
    timeUs,
    position,
    transaction,
    before: before === null ? null : shownRow(before),
    after: after === null ? null : shownRow(after),
  };
}

/** Exact, as it stands in the record (Invariant 9): a column that was not sent is absent, never null. */
function shownRow(row: Row): ShownRow {
  return Object.fromEntries(
    row.columns.flatMap(({ name }, index) => {
      const bytes = row.bytes(index);
      if (bytes === undefined) return [];
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
      return [[name, parseExact(text)]];
    }),
  );
}
