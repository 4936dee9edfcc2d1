import { expect, test } from 'vitest';
import { batch, type ChangeInit, change, column, table } from '../../../test/support/changes.ts';
import { NOT_SENT } from '../../contracts/row.ts';
import { asHistory } from './history.ts';

const T = table('t', [column('id', 'int32', 'integer', { key: 1 }), column('a', 'text', 'text')]);

function kept(init: ChangeInit, schema = T, from = 0) {
  const [record] = batch([change(schema, init)], { from }).records;
  return asHistory(record!)?.change.after?.toObject();
}

test('invariant 9: a column that was not sent is NULL and named', () => {
  const made = kept({ op: 'update', version: 3, after: [1, NOT_SENT] });
  expect(made).toMatchObject({ id: 1, a: null, _tr_op: 'update', _tr_unsent: '["a"]' });
  expect(kept({ op: 'update', version: 3, after: [1, null] })).toMatchObject({ a: null, _tr_unsent: null });
});

test('a delete of which nothing is known but the key holds that', () => {
  expect(kept({ op: 'delete', version: 4, key: '{"id":7}' })).toMatchObject({ id: 7, _tr_op: 'delete' });
});

test('changes rise as texts with their versions, and are the same wherever in the log they stand', () => {
  const ids = [9, 10, 1_000].map((version) => kept({ op: 'insert', version, after: [1, 'a'] })!._tr_change as string);
  expect(ids.toSorted()).toEqual(ids);
  expect(kept({ op: 'insert', version: 9, after: [1, 'a'] }, T, 50)!._tr_change).toBe(ids[0]);
  const other = kept({ op: 'insert', version: 9, after: [2, 'a'] })!._tr_change;
  expect(other).not.toBe(ids[0]);
});

test('changes of equal version of a table without key are told apart by their place', () => {
  const log = table('log', [column('line', 'text', 'text')]);
  const init = { op: 'insert', version: 1, after: ['x'], key: '{}' } as const;
  expect(kept(init, log, 1)!._tr_change).not.toBe(kept(init, log, 2)!._tr_change);
});
