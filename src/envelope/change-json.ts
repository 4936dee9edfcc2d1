/** The value that a record of a given change has. */
import type { Change, Op, Row } from '../contracts/row.ts';
import { tailText } from './table-template.ts';
import { BETWEEN_ORDINALS, TransactionPart } from './transaction-part.ts';

const LETTERS: { readonly [op in Op]?: string } = { insert: 'c', update: 'u', delete: 'd', snapshot: 'r' };

/** Of a row; a change alone does not know its connector and its place in the transaction, which is the first then. */
export function changeJson(change: Change, productVersion: string): Uint8Array {
  const { op, table, before, after, timeUs, position, transaction, dropped } = change;
  const streamed = transaction !== '';
  const facts = { productVersion, connector: '', source: table.source, database: '' };
  const part = new TransactionPart().write(
    { id: transaction, kind: streamed ? 'stream' : 'snapshot', timeUs, position },
    Math.floor(timeUs / 1_000),
  );
  return Buffer.concat([
    Buffer.from('{"before":'),
    ...rowJson(before),
    Buffer.from(',"after":'),
    ...rowJson(after),
    Buffer.from(dropped === true ? ',"dropped":true' : ''),
    Buffer.from(tailText(table, LETTERS[op] ?? 'm', facts)),
    part,
    Buffer.from(streamed ? `1${Buffer.from(BETWEEN_ORDINALS)}1}}` : ''),
  ]);
}

function rowJson(row: Row | null): Uint8Array[] {
  if (row === null) return [Buffer.from('null')];
  const columns = row.columns.flatMap(({ name }, i) => {
    const value = row.bytes(i);
    return value === undefined ? [] : [Buffer.from(`,${JSON.stringify(name)}:`), value];
  });
  const [first = Buffer.from(','), ...rest] = columns;
  return [Buffer.from('{'), first.subarray(1), ...rest, Buffer.from('}')];
}
