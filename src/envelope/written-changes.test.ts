/** Changes that were decoded and are written again, under other topics and with versions of their own. */
import { expect, test } from 'vitest';
import { changesOf, envelope, newEncoder, type SentRow, TRANSACTION, writeRow } from '../../test/support/encoded.ts';
import type { Change } from '../contracts/row.ts';
import type { Column, TableDescription } from '../contracts/schema.ts';

const COLUMNS: readonly Column[] = [
  { name: 'id', kind: 'int32', native: 'integer', nullable: false, keyOrdinal: 1 },
  { name: 'v', kind: 'text', native: 'text', nullable: true },
];
const TABLE: TableDescription = { source: 'shop', schema: 'public', table: 't', columns: COLUMNS };
const columns = (id: number, v?: string | null) => [
  { text: String(id) },
  v === undefined || v === null ? v : { text: v },
];
const ROWS: readonly SentRow[] = [
  { op: 'c', after: columns(1, 'a') },
  { op: 'u', before: columns(1, 'a'), after: columns(1) },
  { op: 'u', after: columns(1, null) },
  { op: 'd', before: columns(1) },
  { op: 'r', after: columns(2, 'ü"\n') },
];
const TOPIC = 'shop.public.t';

function scripted(): readonly Change[] {
  const encoder = newEncoder();
  const table = encoder.register(TABLE);
  encoder.begin(TRANSACTION);
  encoder.marker({ op: 'snapshot-begin', table, snapshot: 's' });
  for (const row of ROWS) writeRow(encoder.writer(table), row);
  encoder.marker({ op: 'truncate', table });
  encoder.marker({ op: 'snapshot-end', table, snapshot: 's' });
  encoder.end();
  return changesOf(encoder.take(), TOPIC).filter((change) => change !== null);
}

function writtenAgain(changes: readonly Change[], version: string | null = null) {
  const encoder = newEncoder({ topics: 'stage.shop', version });
  encoder.begin(TRANSACTION);
  for (const change of changes) encoder.write(change);
  encoder.end();
  const batches = encoder.take();
  expect(encoder.newTopics().map(({ name }) => name)).toEqual(['stage.shop.__schemas', 'stage.shop.public.t']);
  const records = changesOf(batches, 'stage.shop.public.t', 'stage.shop', envelope.schemas());
  return { records, changes: records.filter((change) => change !== null) };
}

/** All but the version. */
function shown({ version: _, sweepBelow: __, before, after, ...change }: Change) {
  return { ...change, before: before?.toObject(), after: after?.toObject() };
}

test('rows, deletes and markers are what they were', () => {
  const changes = scripted();
  const { records, changes: again } = writtenAgain(changes);
  expect(again.map(shown)).toEqual(changes.map(shown));
  expect(again.map(({ version }) => version)).toEqual(changes.map(({ version }) => version));
  // The tombstone of the delete.
  expect(records.indexOf(null)).toBe(records.findIndex((change) => change?.op === 'delete') + 1);
});

test('invariant 7: versions rise from the last one given, and the end of a snapshot sweeps by them', () => {
  const changes = scripted();
  const last = changes.at(-1)!.version + 5_000n;
  const { changes: again } = writtenAgain(changes, String(last));
  expect(again.map(({ version }) => version)).toEqual(changes.map((_, i) => last + BigInt(i) + 1n));
  expect(again.at(-1)!.sweepBelow).toBe(again[0]!.version);
});

test('the end of a snapshot whose beginning was not written sweeps what it swept', () => {
  const [begin, ...changes] = scripted();
  expect(writtenAgain(changes).changes.at(-1)!.sweepBelow).toBe(begin!.version);
});

test('a delete that a filter made keeps its key and that the row was never there', () => {
  const [, insert] = scripted();
  const refused: Change = { ...insert!, op: 'delete', before: null, after: null, dropped: true };
  expect(writtenAgain([refused]).changes).toMatchObject([{ op: 'delete', key: '{"id":1}', dropped: true }]);
});
