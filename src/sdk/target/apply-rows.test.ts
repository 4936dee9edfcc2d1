import { expect, test } from 'vitest';
import { batch, type Cell, change, column, table } from '../../../test/support/changes.ts';
import { TailraceError } from '../../contracts/errors.ts';
import { NOT_SENT } from '../../contracts/row.ts';
import { applyRows } from './apply-rows.ts';
import { type FoldedRow, foldRows } from './fold.ts';
import { InFlight } from './in-flight.ts';
import { RefusedRows } from './steps.ts';

const T = table('t', [
  column('id', 'text', 'text', { key: 1 }),
  column('a', 'text', 'text'),
  column('b', 'text', 'text'),
]);
const put = (version: number, ...after: Cell[]) => change(T, { op: 'update', version, after });

/** Refuses rows one of whose layers holds the word; keeps the versions of the others in order. */
function target() {
  const applied: bigint[] = [];
  let calls = 0;
  return {
    applied,
    get calls() {
      return calls;
    },
    async apply(rows: readonly FoldedRow[]) {
      calls++;
      const poisoned = rows.filter(({ layers }) => layers.some(({ row }) => row?.get(1) === 'poison'));
      for (const row of rows)
        if (!poisoned.includes(row)) applied.push(...row.layers.map((l) => l.record.change.version));
      return new Map(poisoned.map((row) => [row, new TailraceError('sink.rejected', 'poison')]));
    },
  };
}

test('invariant 6: the changes of a refused row are tried in order, partial ones wait behind a refused one', async () => {
  const { records } = batch([
    put(1, '1', 'a', 'b'),
    put(2, '1', 'poison', 'b'),
    put(3, '1', NOT_SENT, 'held'),
    put(4, '2', 'a', 'b'),
    put(5, '2', 'poison', NOT_SENT),
    put(6, '2', 'whole', 'b'),
    put(7, '3', 'a', 'b'),
  ]);
  const refused = new RefusedRows();
  const one = target();
  await applyRows(foldRows(records), refused, one.apply);
  expect(one.applied).toEqual([6n, 7n, 1n]);
  expect(refused.rejections.map(({ record }) => record.offset)).toEqual([1n, 2n]);
  // In a later step of the same write a row stays refused until a whole change frees it.
  const more = batch([put(8, '1', NOT_SENT, 'held too'), put(9, '3', 'x', NOT_SENT), put(10, '1', 'whole', 'b')], {
    from: 7,
  });
  await applyRows(foldRows(more.records), refused, one.apply);
  expect(one.applied).toEqual([6n, 7n, 1n, 9n, 10n]);
  expect(refused.rejections.map(({ record }) => record.offset)).toEqual([1n, 2n, 7n]);
});

test('rows that pass take one call', async () => {
  const one = target();
  const { records } = batch(Array.from({ length: 100 }, (_, i) => put(i + 1, `k${i}`, 'a', 'b')));
  await applyRows(foldRows(records), new RefusedRows(), one.apply);
  expect([one.calls, one.applied.length]).toEqual([1, 100]);
});

test('requests side by side: never more than the limit, results in order, the first failure is thrown', async () => {
  const flight = new InFlight<number>(2);
  let open = 0;
  let most = 0;
  const request = async (n: number) => {
    most = Math.max(most, ++open);
    await new Promise((wake) => setImmediate(wake));
    open--;
    if (n === 7) throw new TailraceError('sink.unreachable', 'seven');
    return n;
  };
  for (let n = 0; n < 5; n++) await flight.add(request(n));
  expect(await flight.drain()).toEqual([0, 1, 2, 3, 4]);
  expect(most).toBe(2);
  const failing = async () => {
    for (let n = 5; n < 10; n++) await flight.add(request(n));
    await flight.drain();
  };
  await expect(failing()).rejects.toThrow('seven');
});
