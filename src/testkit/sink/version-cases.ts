/** What becomes of repeated and late changes (Invariant 7), and of markers. */
import assert from 'node:assert/strict';
import type { SinkManifest } from '../../contracts/plugin.ts';
import type { Op } from '../../contracts/row.ts';
import { change } from '../made-changes.ts';
import {
  insert,
  KIT_TABLE,
  NOT_SENT,
  onlyRows,
  remove,
  rowCase,
  type SinkCase,
  type SinkSubject,
  update,
} from './bench.ts';

const AB = ['1', 'a', 'b'] as const;

/** Of last-value sinks that take markers of this kind. */
function taking(op: Op): Pick<Required<SinkCase>, 'unfit'> {
  const takes = ({ accepts }: SinkManifest) => accepts.includes(op);
  return {
    unfit: (subject: SinkSubject) => onlyRows(subject) ?? (takes(subject.sink) ? null : `it does not accept ${op}`),
  };
}

export const versionCases: readonly SinkCase[] = [
  rowCase('versions/repeat', 'invariant 7: a repeat of a batch changes nothing more', async (bench) => {
    const changes = [insert(1, ...AB), insert(2, '2', 'a', 'b'), update(3, '1', 'c', NOT_SENT), remove(4, '2')];
    await bench.run(changes, changes);
    await bench.expectRows([['1', 'c', 'b']], 'after a repeat');
    const again = await bench.session();
    await bench.apply(again, changes, { epoch: 2 });
    await bench.expectRows([['1', 'c', 'b']], 'after a repeat in a new session');
  }),
  rowCase('versions/older', 'invariant 7: a strictly older change is refused', async (bench) => {
    await bench.run([insert(5, '1', 'five', 'b')], [update(4, '1', 'four', 'b')]);
    await bench.expectRows([['1', 'five', 'b']], 'an older change overwrote a newer one');
  }),
  rowCase(
    'versions/older-in-batch',
    'invariant 7: a strictly older change of the same batch is refused',
    async (bench) => {
      await bench.run([insert(5, '1', 'five', 'b'), update(4, '1', 'four', NOT_SENT)]);
      await bench.expectRows([['1', 'five', 'b']], 'an older change overwrote a newer one');
    },
  ),
  rowCase('versions/equal', 'invariant 7: a change of equal version is applied again', async (bench) => {
    await bench.run([insert(5, '1', 'five', 'b')]);
    const again = await bench.session();
    await bench.apply(again, [update(5, '1', 'by another rule', 'b')], { epoch: 2 });
    await bench.expectRows([['1', 'by another rule', 'b']], 'a change of equal version was refused');
  }),
  rowCase('versions/large', 'invariant 7: versions near 2^63 are told apart', async (bench) => {
    const top = 2n ** 63n - 1n;
    const at = (version: bigint, a: string) => change(KIT_TABLE, { op: 'insert', version, after: ['1', a, null] });
    await bench.run([at(top - 1n, 'newer')], [at(top - 2n, 'older')]);
    await bench.expectRows([['1', 'newer', null]], 'an older version won');
    const again = await bench.session();
    await bench.apply(again, [at(top, 'newest')], { epoch: 2 });
    await bench.expectRows([['1', 'newest', null]], 'the newest version was refused');
  }),
  rowCase('versions/late-write', 'invariant 7: a late write does not bring back a deleted row', async (bench) => {
    await bench.run([insert(1, ...AB)], [remove(3, '1')], [update(2, '1', 'late', 'b')]);
    await bench.expectRows([], 'a late write brought the row back');
    const late = await bench.session();
    await bench.apply(late, [update(2, '1', 'late', NOT_SENT)], { from: 3, epoch: 2 });
    await bench.expectRows([], 'after a restart, a late write brought the row back');
    await bench.apply(late, [update(4, '1', 'new', 'b')], { from: 4, epoch: 2 });
    await bench.expectRows([['1', 'new', 'b']], 'a newer row was refused');
  }),
  rowCase('versions/late-delete', 'invariant 7: a late delete does not remove a newer row', async (bench) => {
    await bench.run([insert(5, ...AB)], [remove(4, '1')]);
    await bench.expectRows([AB], 'a late delete removed the row');
  }),
];

const truncate = (version: number) => change(KIT_TABLE, { op: 'truncate', version });
const snapshotEnd = (version: number, sweepBelow: number, ids: readonly string[] = []) =>
  change(KIT_TABLE, {
    op: 'snapshot-end',
    version,
    sweepBelow,
    ...(ids.length > 0 && { sweepExcept: ids.map((id) => JSON.stringify({ id })) }),
  });

export const markerCases: readonly SinkCase[] = [
  rowCase(
    'markers/truncate',
    'invariant 7: a truncate removes older rows only',
    async (bench) => {
      await bench.run([insert(1, ...AB), insert(6, '2', 'a', 'b'), truncate(5)]);
      await bench.expectRows([['2', 'a', 'b']], 'not the newer row alone');
    },
    taking('truncate'),
  ),
  rowCase(
    'markers/floor',
    'invariant 7: late writes below a truncate stay out, in the same batch and after a restart',
    async (bench) => {
      await bench.run([insert(1, ...AB), truncate(5), insert(4, '3', 'late', 'b')]);
      await bench.expectRows([], 'in the same batch');
      const later = await bench.session();
      await bench.apply(later, [insert(2, '1', 'late', 'b'), update(3, '4', 'late', NOT_SENT)], { from: 3, epoch: 2 });
      await bench.expectRows([], 'after a restart');
      await bench.apply(later, [insert(6, '1', 'new', 'b')], { from: 5, epoch: 2 });
      await bench.expectRows([['1', 'new', 'b']], 'a newer row was refused');
    },
    taking('truncate'),
  ),
  rowCase(
    'markers/sweep',
    'invariant 7: the end of a snapshot sweeps the rows that it did not see, and their late changes',
    async (bench) => {
      const seen = change(KIT_TABLE, { op: 'snapshot', version: 11, after: ['1', 'seen', 'b'] });
      await bench.run(
        [insert(1, ...AB), insert(2, 'ghost', 'a', 'b')],
        [change(KIT_TABLE, { op: 'snapshot-begin', version: 10 }), seen],
        [snapshotEnd(12, 10), insert(3, 'ghost', 'late', 'b')],
      );
      await bench.expectRows([['1', 'seen', 'b']], 'not the rows of the snapshot');
    },
    taking('snapshot-end'),
  ),
  rowCase(
    'markers/spared',
    'invariant 7: a sweep leaves alone the rows that it is told to, and makes none',
    async (bench) => {
      await bench.run(
        [insert(1, '1', 'kept', 'b'), insert(2, '2', 'ghost', 'b')],
        [snapshotEnd(12, 10, ['1', 'never'])],
        [insert(3, '2', 'late', 'b')],
      );
      await bench.expectRows([['1', 'kept', 'b']], 'not the spared row alone');
      const later = await bench.session();
      await bench.apply(later, [update(11, '1', 'mended', 'b')], { from: 4, epoch: 2 });
      await bench.expectRows([['1', 'mended', 'b']], 'the spared row was not mended');
    },
    taking('snapshot-end'),
  ),
  rowCase(
    'markers/scope',
    'a truncate of one table leaves the others alone',
    async (bench) => {
      const other = { ...KIT_TABLE, id: 'ffffffffffffffff', table: 'others' };
      const row = change(other, { op: 'insert', version: 1, after: ['9', 'x', 'y'] });
      await bench.run([insert(2, ...AB), row], [truncate(5)]);
      await bench.expectRows([], 'the truncated table holds rows');
      assert.equal((await bench.target.rows(other)).length, 1, 'the other table lost its row');
    },
    taking('truncate'),
  ),
];
