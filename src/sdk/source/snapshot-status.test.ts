import { expect, test } from 'vitest';
import { type ReadSoFar, snapshotStatuses } from './snapshot-status.ts';

const read: Readonly<Record<string, ReadSoFar>> = {
  a: { kind: 'initial', rows: 30, estimate: 20 },
  b: { kind: 'refresh', rows: 10, estimate: 40 },
};

function statuses(unread: string[], unsaved: string[], isPaused = false) {
  const unreadWhenSaved = () => [...unsaved, ...unread];
  const work = { unread: () => unread, unreadWhenSaved, snapshot: (label: string) => read[label], isPaused };
  return snapshotStatuses(work, { reading: 'b', rate: (label) => (label === 'b' ? 5 : null) });
}

test('a table is shown until its last row is durable, with how far it is and when it will be over', () => {
  const a = {
    table: 'a',
    kind: 'initial',
    rows: 30,
    estimatedRows: 20,
    percent: 99,
    rowsPerSecond: null,
    etaSeconds: null,
  };
  const b = { table: 'b', kind: 'refresh', rows: 10, estimatedRows: 40, percent: 25, rowsPerSecond: 5, etaSeconds: 6 };
  expect(statuses(['b'], ['a'])).toEqual([
    { ...a, state: 'reading' },
    { ...b, state: 'reading' },
  ]);
  expect(statuses(['b', 'c'], [], true)).toMatchObject([
    { table: 'b', state: 'paused', rowsPerSecond: null, etaSeconds: null },
    { table: 'c', state: 'paused', kind: 'initial', rows: 0, percent: null },
  ]);
  expect(statuses([], [])).toEqual([]);
});
