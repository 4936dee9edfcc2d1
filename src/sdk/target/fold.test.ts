import { expect, test } from 'vitest';
import { batch, type Cell, change, column, table } from '../../../test/support/changes.ts';
import fc from '../../../test/support/fast-check.ts';
import { testSeed } from '../../../test/support/seed.ts';
import { TableModel } from '../../../test/support/table-model.ts';
import { TailraceError } from '../../contracts/errors.ts';
import { NOT_SENT } from '../../contracts/row.ts';
import type { SinkRecord } from '../../contracts/sink.ts';
import { foldRows, resolveLayers } from './fold.ts';
import { identityRow } from './row-image.ts';
import { RefusedRows, stepsOf } from './steps.ts';

const T = table('t', [
  column('id', 'text', 'text', { key: 1 }),
  column('a', 'text', 'text'),
  column('b', 'text', 'text'),
  column('c', 'text', 'text'),
]);

const records = (...changes: ReturnType<typeof change>[]): readonly SinkRecord[] => batch(changes).records;
const update = (version: number, ...after: Cell[]) => change(T, { op: 'update', version, after });
const remove = (version: number, id: string) => change(T, { op: 'delete', version, before: [id] });

const cell = fc.constantFrom<Cell>('x', 'y', null, NOT_SENT);
const anyChange = fc
  .tuple(fc.integer({ min: 1, max: 8 }), fc.constantFrom('1', '2'), cell, cell, cell, fc.boolean())
  .map(([version, id, a, b, c, gone]) => (gone ? remove(version, id) : update(version, id, a, b, c)));
const changes = fc.array(anyChange, { maxLength: 8 });

test('invariant 7: the folded writes do what the changes do one by one, whatever the target holds', () => {
  const seed = testSeed;
  console.log(`fold test seed ${seed}`);
  fc.assert(
    fc.property(changes, changes, (earlier, later) => {
      const model = new TableModel(T);
      for (const c of earlier) model.apply(c);
      const target = model.copy();
      for (const c of later) model.apply(c);
      for (const folded of foldRows(records(...later))) {
        // As the sinks do: only rows with layers are looked up.
        const write = resolveLayers(folded, folded.layers.length > 1 ? target.bound(folded.key) : 0n);
        if (write === null) continue;
        const { version } = write;
        if (write.kind === 'delete') target.apply(change(T, { op: 'delete', version, key: write.key, before: [] }));
        else {
          const cells = T.columns.map((_, i) => {
            const value = write.row.get(i);
            return value === NOT_SENT && write.fresh ? null : value;
          });
          target.apply(change(T, { op: 'update', version, after: cells }));
        }
      }
      expect(target.rows()).toEqual(model.rows());
    }),
    { seed, numRuns: 3_000 },
  );
});

test('a full row or a delete leaves one layer, and all changes stay known', () => {
  const [row] = foldRows(records(update(1, '1', 'a', NOT_SENT, 'c'), update(2, '1', 'a', 'b', 'c'), remove(3, '1')));
  expect(row?.layers).toHaveLength(1);
  expect(row?.records).toHaveLength(3);
});

test('partial rows of the same columns do not pile up', () => {
  const partial = Array.from({ length: 50 }, (_, i) => update(i + 2, '1', i % 2 === 0 ? 'a' : 'b', NOT_SENT, 'c'));
  expect(foldRows(records(update(1, '1', 'a', 'b', 'c'), ...partial))[0]?.layers).toHaveLength(2);
});

test('steps: markers and new table versions are barriers of their table only', () => {
  const other = table('u', T.columns);
  const wider = table('t', [...T.columns, column('d', 'text', 'text')]);
  const steps = stepsOf(
    records(
      update(1, '1', 'a', 'b', 'c'),
      change(other, { op: 'insert', version: 2, after: ['1', 'a', 'b', 'c'] }),
      change(T, { op: 'truncate', version: 3 }),
      update(4, '1', 'a', 'b', 'c'),
      change(other, { op: 'insert', version: 5, after: ['2', 'a', 'b', 'c'] }),
      change(wider, { op: 'insert', version: 6, after: ['2', 'a', 'b', 'c', 'd'] }),
      change(T, { op: 'snapshot-begin', version: 7 }),
      change(T, { op: 'snapshot-end', version: 8, sweepBelow: 7 }),
    ),
  );
  const shape = steps.map((step) => [step.table.table, step.kind === 'rows' ? step.records.length : step.below]);
  expect(shape).toEqual([
    ['t', 1],
    ['t', 3n],
    ['t', 1],
    ['t', 1],
    ['t', 7n],
    ['u', 2],
  ]);
});

test('the identity of a delete without a row comes from the key text, numbers exact', () => {
  const keyed = table('k', [
    column('v', 'text', 'text'),
    column('b', 'bytes', 'bytea', { key: 2 }),
    column('n', 'int64', 'bigint', { key: 1 }),
  ]);
  const gone = change(keyed, { op: 'delete', version: 1, key: '{"n":9223372036854775807,"b":"/w=="}' });
  const row = identityRow(gone);
  expect(row.get(2)).toBe(9223372036854775807n);
  expect(row.get(1)).toEqual(Buffer.from([255]));
  expect(Buffer.from(row.bytes(2)!).toString()).toBe('9223372036854775807');
  expect(row.bytes(0)).toBeUndefined();
});

test('invariant 7: a sweep spares what is refused in the same write, a truncate spares nothing', () => {
  const [record] = records(update(1, '1', 'a', 'b', 'c'));
  const refused = new RefusedRows();
  refused.reject(record!, new TailraceError('sink.rejected', 'no'));
  const sweep = change(T, { op: 'snapshot-end', version: 8, sweepBelow: 7, sweepExcept: ['{"id":"2"}'] });
  expect(refused.sparedBy(sweep)).toEqual(['{"id":"2"}', record!.change.key]);
  expect(refused.sparedBy(change(T, { op: 'truncate', version: 9 }))).toEqual([]);
});
