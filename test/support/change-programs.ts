/** Random changes with restarts, crashes and repeats, and what a target must hold after them. */

import { expect } from 'vitest';
import { type Change, NOT_SENT } from '../../src/contracts/row.ts';
import { batch, type Cell, change } from './changes.ts';
import fc from './fast-check.ts';
import { insert, type LastValueTarget, remove, rows, SHOP, session, update } from './last-value-target.ts';
import { TableModel } from './table-model.ts';

const never = new AbortController().signal;

type Step = { readonly size: number; readonly end: 'flush' | 'hold' | 'crash' | 'replay' };

const ids = fc.constantFrom('1', '01', '1 ', 'A', 'a', '"1"', '{"id":"1"}', '');
const cell: fc.Arbitrary<Cell> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<Cell>('x', 'y', 'z') },
  { weight: 1, arbitrary: fc.constant<Cell>(null) },
  { weight: 2, arbitrary: fc.constant<Cell>(NOT_SENT) },
);
const sent = cell.map((value) => (value === NOT_SENT ? null : value));

/** `jitter` 0: the next version, as in a log; else a late or repeated one. */
const changeAt = (at: number): fc.Arbitrary<Change> =>
  fc
    .tuple(
      fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: -6, max: 3 })),
      ids,
      cell,
      cell,
      sent,
      sent,
    )
    .chain(([jitter, id, a, b, wholeA, wholeB]) => {
      const version = Math.max(1, 10 + at * 2 + jitter);
      return fc.oneof(
        { weight: 4, arbitrary: fc.constant(insert(version, id, wholeA, wholeB)) },
        { weight: 5, arbitrary: fc.constant(update(version, id, a, b)) },
        { weight: 3, arbitrary: fc.constant(remove(version, id)) },
        { weight: 1, arbitrary: fc.constant(change(SHOP, { op: 'truncate', version })) },
        { weight: 1, arbitrary: fc.constant(change(SHOP, { op: 'snapshot-end', version, sweepBelow: version - 4 })) },
      );
    });

export const programs = fc.record({
  changes: fc.integer({ min: 1, max: 40 }).chain((n) => fc.tuple(...Array.from({ length: n }, (_, i) => changeAt(i)))),
  steps: fc.array(
    fc.record<Step>({
      size: fc.integer({ min: 1, max: 12 }),
      end: fc.constantFrom('flush', 'flush', 'hold', 'crash', 'replay'),
    }),
    { minLength: 1, maxLength: 8 },
  ),
});

export interface ProgramOptions {
  readonly target: LastValueTarget;
  readonly transactional: boolean;
  /** What a target that does not hold whole rows has of them. */
  readonly shown?: (rows: (string | null)[][]) => (string | null)[][];
}

export async function runProgram(
  { target, transactional, shown = (all) => all }: ProgramOptions,
  changes: readonly Change[],
  steps: readonly Step[],
): Promise<void> {
  let model = new TableModel(SHOP);
  let committed = { model: model.copy(), at: 0 };
  let generation = 0;
  let epoch = 1;
  let at = 0;
  let { sink } = await session(target, { generation });
  const reopen = async () => {
    await sink.close();
    await target.forget?.();
    const opened = await session(target, { generation });
    sink = opened.sink;
    epoch++;
    return Number(opened.resume?.[0]?.next ?? 0);
  };
  for (const { size, end } of [...steps, { size: changes.length, end: 'flush' as const }]) {
    const part = changes.slice(at, at + size);
    expect(await sink.write(batch(part, { from: at, epoch }), never)).toEqual([]);
    for (const c of part) model.apply(c);
    at += part.length;
    if (end === 'crash') {
      expect((at = await reopen())).toBe(committed.at);
      if (transactional) model = committed.model.copy();
    } else if (end !== 'hold') {
      await sink.flush(never);
      committed = { model: model.copy(), at };
    }
    if (end === 'replay') {
      generation++;
      at = await reopen();
      committed = { model: model.copy(), at };
    }
  }
  await sink.close();
  expect(await rows(target).catch(() => [])).toEqual(shown(model.rows()));
}
