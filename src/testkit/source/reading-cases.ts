/** What a source reads, and in which order. */
import assert from 'node:assert/strict';
import { insert, onOrigin, remove, type SourceCase, update } from './bench.ts';

export const readingCases: readonly SourceCase[] = [
  {
    id: 'reading/snapshot-then-stream',
    title: 'every row once from the snapshot, then the changes, without a gap at the hand-over',
    run: (subject) =>
      onOrigin(subject, async (bench) => {
        const { origin } = bench;
        await origin.change([insert('1'), insert('2', 'x', 'y')]);
        const reading = await bench.read();
        await reading.rows(2);
        await origin.change([update('1', 'new'), insert('3'), remove('2')]);
        const seen = await reading.rows(5);
        assert.deepEqual(
          new Set(seen.slice(0, 2)),
          new Set([
            ['r', '1', 'a', null],
            ['r', '2', 'x', 'y'],
          ]),
        );
        assert.deepEqual(seen.slice(2), [
          ['u', '1', 'new', null],
          ['c', '3', 'a', null],
          ['d', '2'],
        ]);
      }),
  },
];
