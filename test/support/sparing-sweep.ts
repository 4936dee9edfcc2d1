/** What a sink must do that leaves rows out of a sweep, because what they are now is a dead letter. */
import { expect, test } from 'vitest';
import { change } from './changes.ts';
import { insert, type LastValueTarget, rows, run, SHOP, update } from './last-value-target.ts';

export function sparingSweepTest(newTarget: () => Promise<LastValueTarget>): void {
  test('invariant 7: a sweep leaves alone the rows that it is told to, and makes none', async () => {
    const target = await newTarget();
    const except = ['1', 'never'].map((id) => JSON.stringify({ id }));
    await run(
      target,
      [insert(1, '1', 'kept', 'b'), insert(2, '2', 'ghost', 'b')],
      [change(SHOP, { op: 'snapshot-end', version: 12, sweepBelow: 10, sweepExcept: except })],
      [insert(3, '2', 'late', 'b'), update(9, '1', 'late', 'b')],
    );
    expect(await rows(target)).toEqual([['1', 'kept', 'b']]);
    await run(target, [update(11, '1', 'mended', 'b')]);
    expect(await rows(target)).toEqual([['1', 'mended', 'b']]);
  });
}
