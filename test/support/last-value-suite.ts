/** What every sink must do that keeps the last value of each row, run against real targets. */

import { describe, expect, test } from 'vitest';
import { NOT_SENT } from '../../src/contracts/row.ts';
import type { SinkPositions } from '../../src/contracts/sink.ts';
import { programs, runProgram } from './change-programs.ts';
import { batch, change, lineage } from './changes.ts';
import fc from './fast-check.ts';
import { apply, insert, type LastValueTarget, remove, rows, run, SHOP, session, update } from './last-value-target.ts';
import { testSeed } from './seed.ts';
import { sparingSweepTest } from './sparing-sweep.ts';

export interface SuiteOptions {
  /** What was written and not flushed is gone after a restart, as its position is. Else it stays, and is written again. */
  readonly transactional: boolean;
  /** Random programs that are run; TAILRACE_TEST_RUNS overrides. */
  readonly runs?: number;
}

const never = new AbortController().signal;

type NewTarget = () => Promise<LastValueTarget>;

export function lastValueSuite(newTarget: NewTarget, options: SuiteOptions): void {
  describe('rows', () => rowTests(newTarget));
  describe('versions', () => versionTests(newTarget));
  describe('sweeps', () => sweepTests(newTarget));
  describe('positions', () => positionTests(newTarget, options));
  describe('writers', () => writerTests(newTarget));
  programTest(newTarget, options);
}

function rowTests(newTarget: NewTarget): void {
  test('inserts, updates, deletes and snapshot rows end as the last change left them', async () => {
    const target = await newTarget();
    await run(
      target,
      [change(SHOP, { op: 'snapshot', version: 1, after: ['1', 'x', null] }), insert(2, '2', 'y', 'z')],
      [update(3, '1', 'new', 'b'), remove(4, '2'), insert(5, '3', '', null)],
    );
    expect(await rows(target)).toEqual([
      ['1', 'new', 'b'],
      ['3', '', null],
    ]);
  });

  test('invariant 9: a column that was not sent keeps its value', async () => {
    const target = await newTarget();
    const lines = await run(target, [insert(1, '1', 'a', 'toast')], [update(2, '1', 'a2', NOT_SENT)]);
    expect(await rows(target)).toEqual([['1', 'a2', 'toast']]);
    expect(lines).toEqual([]);
  });

  test('columns not sent are merged when several changes of a row come in one batch', async () => {
    const target = await newTarget();
    await run(target, [insert(1, '1', 'a', 'b'), update(2, '1', 'a2', NOT_SENT), update(3, '1', NOT_SENT, 'b3')]);
    expect(await rows(target)).toEqual([['1', 'a2', 'b3']]);
  });

  test('a partial change of a row that is missing is inserted with what there is, and counted', async () => {
    const target = await newTarget();
    const lines = await run(target, [update(2, 'secret', NOT_SENT, 'b')]);
    expect(await rows(target)).toEqual([['secret', null, 'b']]);
    expect(lines.map(({ level, fields }) => [level, fields?.rows])).toEqual([['warn', 1]]);
    expect(JSON.stringify(lines)).not.toContain('secret');
  });

  test('a delete and a new row of the same key in one batch leave nothing of the old row', async () => {
    const target = await newTarget();
    await run(target, [insert(1, '1', 'a', 'b')], [remove(2, '1'), update(3, '1', 'new', NOT_SENT)]);
    expect(await rows(target)).toEqual([['1', 'new', null]]);
  });

  test('a delete without a before side finds its row by the key text', async () => {
    const target = await newTarget();
    await run(
      target,
      [insert(1, 'k"1', 'a', 'b')],
      [change(SHOP, { op: 'delete', version: 2, key: '{"id":"k\\"1"}' })],
    );
    expect(await rows(target)).toEqual([]);
  });
}

function versionTests(newTarget: NewTarget): void {
  test('invariant 7: a strictly older change is refused, an equal one applied again', async () => {
    const target = await newTarget();
    await run(target, [insert(5, '1', 'five', 'b')], [update(4, '1', 'four', 'b')]);
    expect(await rows(target)).toEqual([['1', 'five', 'b']]);
    const again = await session(target);
    await apply(again, [update(5, '1', 'changed rule', 'b')], 2);
    await again.sink.close();
    expect(await rows(target)).toEqual([['1', 'changed rule', 'b']]);
  });

  test('invariant 7: a late write does not bring back a deleted row', async () => {
    const target = await newTarget();
    await run(target, [insert(1, '1', 'a', 'b')], [remove(3, '1')], [update(2, '1', 'late', 'b')]);
    expect(await rows(target)).toEqual([]);
    const late = await session(target);
    await apply(late, [update(2, '1', 'late', NOT_SENT)], 3);
    expect(await rows(target)).toEqual([]);
    await apply(late, [update(3, '1', 'kept by another rule', 'b')], 4);
    await late.sink.close();
    expect(await rows(target)).toEqual([['1', 'kept by another rule', 'b']]);
  });

  test('invariant 7: a late delete does not remove a newer row', async () => {
    const target = await newTarget();
    await run(target, [insert(5, '1', 'a', 'b')], [remove(4, '1')]);
    expect(await rows(target)).toEqual([['1', 'a', 'b']]);
  });
}

function sweepTests(newTarget: NewTarget): void {
  test('invariant 7: truncate removes older rows only, and late writes stay out, also after a restart', async () => {
    const target = await newTarget();
    const truncate = change(SHOP, { op: 'truncate', version: 5 });
    await run(target, [insert(1, '1', 'a', 'b'), insert(6, '2', 'a', 'b'), truncate, insert(4, '3', 'late', 'b')]);
    expect(await rows(target)).toEqual([['2', 'a', 'b']]);
    await (async () => {
      const later = await session(target);
      await apply(later, [insert(2, '1', 'late', 'b'), update(3, '4', 'late', NOT_SENT)], 4);
      await later.sink.close();
    })();
    expect(await rows(target)).toEqual([['2', 'a', 'b']]);
  });

  test('invariant 7: a late write below the floor does not show through a newer one of the same batch', async () => {
    const target = await newTarget();
    const truncate = change(SHOP, { op: 'truncate', version: 5 });
    await run(target, [
      insert(1, '1', 'a', 'b'),
      truncate,
      insert(4, '1', 'late', 'b'),
      update(6, '1', NOT_SENT, 'b6'),
    ]);
    expect(await rows(target)).toEqual([['1', null, 'b6']]);
  });

  test('invariant 7: the end of a snapshot sweeps rows that it did not see', async () => {
    const target = await newTarget();
    const again = change(SHOP, { op: 'snapshot', version: 11, after: ['1', 'seen', 'b'] });
    await run(
      target,
      [insert(1, '1', 'a', 'b'), insert(2, 'ghost', 'a', 'b')],
      [change(SHOP, { op: 'snapshot-begin', version: 10 }), again],
      [change(SHOP, { op: 'snapshot-end', version: 12, sweepBelow: 10 }), insert(3, 'ghost', 'late', 'b')],
    );
    expect(await rows(target)).toEqual([['1', 'seen', 'b']]);
  });

  sparingSweepTest(newTarget);
}

function positionTests(newTarget: NewTarget, { transactional }: SuiteOptions): void {
  test('are committed with the data and win at the next open', async () => {
    const target = await newTarget();
    expect((await session(target)).resume).toEqual([]);
    await run(target, [insert(1, '1', 'a', 'b'), insert(2, '2', 'a', 'b')]);
    const next = await session(target);
    expect(next.resume).toEqual([{ topic: 'shop.public.t', partition: 0, next: 2n }]);
    await next.sink.close();
  });

  test('move in flush only: what was not flushed is read again', async () => {
    const target = await newTarget();
    const first = await session(target);
    await apply(first, [insert(1, '1', 'a', 'b')]);
    await first.sink.write(batch([insert(2, '2', 'a', 'b')], { from: 1 }), never);
    await first.sink.close();
    const second = await session(target);
    expect(second.resume).toEqual([{ topic: 'shop.public.t', partition: 0, next: 1n }]);
    if (transactional) expect(await rows(target)).toEqual([['1', 'a', 'b']]);
    await apply(second, [insert(2, '2', 'a', 'b')], 1, 2);
    await second.sink.close();
    expect(await rows(target)).toHaveLength(2);
  });

  test('of another generation are not obeyed, and are replaced', async () => {
    const target = await newTarget();
    await run(target, [insert(1, '1', 'a', 'b')]);
    const replay = await session(target, { generation: 1 });
    expect(replay.resume).toBeNull();
    await apply(replay, [insert(1, '1', 'a', 'b')], 0, 2);
    await replay.sink.close();
    const next = await session(target, { generation: 1 });
    expect(next.resume).toEqual([{ topic: 'shop.public.t', partition: 0, next: 1n }]);
    await next.sink.close();
  });
}

function writerTests(newTarget: NewTarget): void {
  test('of another log are refused', async () => {
    const target = await newTarget();
    await run(target, [insert(1, '1', 'a', 'b')]);
    const other = lineage('bbbbbbbbbbbbbbbb');
    await expect(session(target, { lineage: other })).rejects.toMatchObject({ code: 'sink.other_log' });
    const grown = lineage('cccccccccccccccc', ['aaaaaaaaaaaaaaaa', 'cccccccccccccccc']);
    const opened = await session(target, { lineage: grown });
    expect(opened.resume).toHaveLength(1);
    await opened.sink.close();
  });

  test('an older epoch is fenced, before and after the newer one wrote', async () => {
    const target = await newTarget();
    const old = await session(target);
    await apply(old, [insert(1, '1', 'a', 'b')], 0, 1);
    const young = await session(target);
    await apply(young, [insert(2, '2', 'a', 'b')], 1, 2);
    await expect(apply(old, [insert(3, '3', 'old', 'b')], 1, 1)).rejects.toMatchObject({ code: 'sink.fenced' });
    await old.sink.close();
    await young.sink.close();
    expect(await rows(target)).toHaveLength(2);
  });

  test('a writer that slipped in between open and the first write makes the sink read its positions again', async () => {
    const target = await newTarget();
    const slow = await session(target);
    await run(target, [insert(1, '1', 'a', 'b')]);
    await expect(apply(slow, [insert(1, '1', 'a', 'b')], 0, 2)).rejects.toMatchObject({ code: 'sink.unreachable' });
    await slow.sink.close();
  });

  test('an empty batch moves them; one that says nothing new touches nothing', async () => {
    const target = await newTarget();
    const opened = await session(target);
    const next: SinkPositions = [{ topic: 'x', partition: 0, next: 9n }];
    await opened.sink.write({ records: [], next, epoch: 1 }, never);
    await opened.sink.flush(never);
    await opened.sink.write({ records: [], next, epoch: 1 }, never);
    await opened.sink.flush(never);
    await opened.sink.close();
    const again = await session(target);
    expect(again.resume).toEqual(next);
    await again.sink.close();
  });
}

function programTest(newTarget: NewTarget, { transactional, runs = 40 }: SuiteOptions): void {
  const numRuns = Number(process.env.TAILRACE_TEST_RUNS ?? runs);
  test('invariant 7: any changes, splits, restarts and repeats come to what the model by version says', {
    timeout: 60_000 + numRuns * 1_000,
  }, async () => {
    const seed = testSeed;
    console.log(`differential test seed ${seed}`);
    await fc.assert(
      fc.asyncProperty(programs, async ({ changes, steps }) => {
        await runProgram({ target: await newTarget(), transactional }, changes, steps);
      }),
      { seed, numRuns },
    );
  });
}
