/** What becomes of rows. */
import assert from 'node:assert/strict';
import { change } from '../made-changes.ts';
import { insert, KIT_TABLE, NOT_SENT, onlyEntries, remove, rowCase, type SinkCase, sinkCase, update } from './bench.ts';

const key = (id: string) => JSON.stringify({ id });

export const rowCases: readonly SinkCase[] = [
  rowCase(
    'rows/create-update-delete',
    'inserts, updates, deletes and rows of a snapshot end as the last change left them',
    async (bench) => {
      const first = change(KIT_TABLE, { op: 'snapshot', version: 1, after: ['1', 'x', null] });
      await bench.run(
        [first, insert(2, '2', 'y', 'z')],
        [update(3, '1', 'new', 'b'), remove(4, '2'), insert(5, '3', '', null)],
      );
      const expected = [
        ['1', 'new', 'b'],
        ['3', '', null],
      ];
      await bench.expectRows(expected, 'not the last state of each row');
    },
  ),
  rowCase('rows/last-change', 'the last change of each key inside a batch wins', async (bench) => {
    await bench.run([insert(1, '1', 'a', 'b'), insert(2, '2', 'a', 'b'), update(3, '1', 'c', null), remove(4, '2')]);
    await bench.expectRows([['1', 'c', null]], 'not the last change of each key');
  }),
  rowCase(
    'rows/delete-insert',
    'a delete and a new row of the same key leave nothing of the old row',
    async (bench) => {
      await bench.run([insert(1, '1', 'a', 'b')], [remove(2, '1'), insert(3, '1', 'new', null)]);
      await bench.expectRows([['1', 'new', null]], 'not the new row');
    },
  ),
  rowCase('rows/changed-key', 'a changed key, delete and create in one batch, moves the row', async (bench) => {
    await bench.run([insert(1, '1', 'a', 'b'), insert(2, '3', 'c', 'd')], [remove(3, '1'), insert(4, '2', 'a', 'b')]);
    const expected = [
      ['2', 'a', 'b'],
      ['3', 'c', 'd'],
    ];
    await bench.expectRows(expected, 'the row did not move');
  }),
  rowCase('rows/delete-by-key', 'a delete without a before side finds its row by the key text', async (bench) => {
    const gone = change(KIT_TABLE, { op: 'delete', version: 2, key: key('k"1') });
    await bench.run([insert(1, 'k"1', 'a', 'b')], [gone]);
    await bench.expectRows([], 'the row is still there');
  }),
  rowCase('rows/delete-of-none', 'a delete of a row that is not there does nothing', async (bench) => {
    await bench.run([insert(1, '1', 'a', 'b'), remove(2, 'never')]);
    await bench.expectRows([['1', 'a', 'b']], 'not the one row');
  }),
  rowCase(
    'rows/not-sent',
    'invariant 9: a column that was not sent keeps its value, and is never NULL',
    async (bench) => {
      await bench.run([insert(1, '1', 'a', 'toast')], [update(2, '1', 'a2', NOT_SENT)]);
      await bench.expectRows([['1', 'a2', 'toast']], 'a column that was not sent lost its value');
    },
  ),
  rowCase(
    'rows/not-sent-merged',
    'invariant 9: columns not sent are merged when several changes of a row come in one batch',
    async (bench) => {
      await bench.run([insert(1, '1', 'a', 'b'), update(2, '1', 'a2', NOT_SENT), update(3, '1', NOT_SENT, 'b3')]);
      await bench.expectRows([['1', 'a2', 'b3']], 'the changes were not merged');
    },
  ),
  rowCase(
    'rows/not-sent-over-deleted',
    'invariant 9: what a new row of a deleted key was not sent is not taken from the old row',
    async (bench) => {
      await bench.run([insert(1, '1', 'a', 'b')], [remove(2, '1'), update(3, '1', 'new', NOT_SENT)]);
      await bench.expectRows([['1', 'new', null]], 'the old row shows through');
    },
  ),
  sinkCase(
    'entries/order',
    'every change is an entry, in the order of the log',
    async (bench) => {
      const changes = [insert(1, '1', 'a', 'b'), update(2, '1', 'c', null), insert(3, '2', 'd', 'e'), remove(4, '1')];
      await bench.run(changes.slice(0, 1), changes.slice(1));
      const expected = [
        ['insert', '1', 'a', 'b'],
        ['update', '1', 'c', null],
        ['insert', '2', 'd', 'e'],
      ];
      const entries = await bench.entries();
      assert.deepEqual(entries.slice(0, 3), expected);
      assert.deepEqual([entries.length, ...entries[3]!.slice(0, 2)], [4, 'delete', '1']);
    },
    { unfit: onlyEntries },
  ),
];
