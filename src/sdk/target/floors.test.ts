import { expect, test } from 'vitest';
import { batch, change, column, table } from '../../../test/support/changes.ts';
import { Floors } from './floors.ts';

const T = table('t', [column('id', 'text', 'text', { key: 1 })]);
const insert = (version: number) => change(T, { op: 'insert', version, after: [String(version)] });

test('invariant 7: what is older than the floor is refused, what is as old is not', () => {
  const floors = new Floors();
  expect(floors.refuses('t', 1n)).toBe(false);
  floors.learn('t', 5n);
  expect([4n, 5n, 6n].map((version) => floors.refuses('t', version))).toEqual([true, false, false]);
  const live = floors.live('t', batch([insert(4), insert(5), insert(6)]).records);
  expect(live.map(({ change }) => change.version)).toEqual([5n, 6n]);
  expect(floors.refuses('other', 1n)).toBe(false);
  expect([5n, 6n].map((version) => floors.isBelow('t', version))).toEqual([false, true]);
});

test('a copy is what a rollback goes back to', () => {
  const floors = new Floors(new Map([['t', 5n]]));
  const before = floors.copy();
  floors.learn('t', 9n);
  floors.learn('u', 1n);
  floors.restore(before);
  expect(floors.refuses('t', 5n)).toBe(false);
  expect(floors.knows('u')).toBe(false);
  floors.learn('t', 7n);
  floors.restore(before);
  expect(floors.refuses('t', 5n)).toBe(false);
});
