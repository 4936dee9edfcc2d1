/** Tables that mark deletes, and tables of all changes: what every SQL sink must do with them, run against real targets. */
import { describe, expect, test } from 'vitest';
import { type Change, NOT_SENT } from '../../src/contracts/row.ts';
import { change, column, openOptions, table } from './changes.ts';
import { apply, insert, remove, rows, run, SHOP, session, update } from './last-value-target.ts';
import type { SqlTarget } from './sql-sink-suite.ts';

type NewTarget = (settings: object) => Promise<SqlTarget>;

const truncate = (version: number): Change => change(SHOP, { op: 'truncate', version });
const sweep = (version: number, sweepBelow: number): Change =>
  change(SHOP, { op: 'snapshot-end', version, sweepBelow });

export function sqlModesSuite(newTarget: NewTarget): void {
  describe('soft_delete', () => softDeleteTests(() => newTarget({ mode: 'soft_delete' })));
  describe('history', () => historyTests(() => newTarget({ mode: 'history' })));
  changedModeTests(newTarget);
}

/** Ids by whether they are marked. */
async function marked(target: SqlTarget): Promise<{ there: string[]; gone: string[] }> {
  const found = await target.rows('t', ['id', '_tr_deleted_at']);
  const ids = (isGone: boolean) => found.flatMap(([id, at]) => ((at !== null) === isGone ? [id!] : []));
  return { there: ids(false), gone: ids(true) };
}

function softDeleteTests(newTarget: () => Promise<SqlTarget>): void {
  test('a deleted row stays with the time of its delete, and is there again when it is inserted', async () => {
    const target = await newTarget();
    await run(target, [insert(1, '1', 'a', 'b'), insert(2, '2', 'a', 'b')], [remove(3, '1'), remove(4, 'never')]);
    const [[, time]] = (await target.rows('t', ['id', '_tr_deleted_at'])) as [[string, string]];
    expect(time).toMatch(/^2023-11-14[ T]22:13:20\.000003/);
    expect(await marked(target)).toEqual({ there: ['2'], gone: ['1'] });
    expect(await rows(target)).toContainEqual(['1', 'a', 'b']);
    // A repeated delete keeps the time of the first.
    await run(target, [remove(5, '1')]);
    expect(await target.rows('t', ['id', '_tr_deleted_at'])).toContainEqual(['1', time]);
    await run(target, [insert(6, '1', 'new', NOT_SENT)], [remove(7, '2'), insert(8, '2', 'again', null)]);
    expect(await marked(target)).toEqual({ there: ['1', '2'], gone: [] });
    expect(await rows(target)).toEqual([
      ['1', 'new', 'b'],
      ['2', 'again', null],
    ]);
  });

  test('invariant 7: a late change neither revives a marked row nor marks a newer one', async () => {
    const target = await newTarget();
    await run(target, [insert(5, '1', 'a', 'b'), insert(9, '2', 'new', 'b')], [remove(7, '1')]);
    await run(target, [update(6, '1', 'late', 'b')], [update(6, '1', 'late', NOT_SENT), remove(8, '2')]);
    expect(await marked(target)).toEqual({ there: ['2'], gone: ['1'] });
    expect(await rows(target)).toContainEqual(['1', 'a', 'b']);
  });

  test('invariant 7: truncate and sweep mark what is older, and late changes do not revive it', async () => {
    const target = await newTarget();
    await run(target, [insert(1, '1', 'a', 'b'), insert(2, '2', 'a', 'b')], [truncate(5), insert(6, '3', 'a', 'b')]);
    expect(await marked(target)).toEqual({ there: ['3'], gone: ['1', '2'] });
    const ready = [change(SHOP, { op: 'snapshot', version: 11, after: ['2', 'back', 'b'] }), sweep(12, 10)];
    await run(target, ready, [update(9, '3', 'late', 'b'), insert(4, '1', 'late', 'b')]);
    expect(await marked(target)).toEqual({ there: ['2'], gone: ['1', '3'] });
    expect(await rows(target)).toContainEqual(['1', 'a', 'b']);
  });

  test('a marked row is missing to whoever compares, and no key of the target', async () => {
    const target = await newTarget();
    await run(target, [insert(1, '1', 'a', 'b'), insert(2, '2', 'a', 'b')], [remove(3, '1')]);
    const inspector = await target.inspect(openOptions(undefined));
    const keys = ['1', '2'].map((id) => JSON.stringify({ id }));
    for await (const page of inspector.keys(SHOP)) expect(page).toEqual([keys[1]]);
    expect(await inspector.holds(SHOP, keys)).toEqual([false, true]);
    const held = await inspector.compare([insert(1, '1', 'a', 'b'), insert(2, '2', 'a', 'b')]);
    expect(held.map(({ state }) => state)).toEqual(['missing', 'equal']);
    await inspector.close();
  });
}

const HISTORY = ['id', 'a', 'b', '_tr_op', '_tr_version', '_tr_below', '_tr_unsent'];

/** In the order of the changes. */
async function changes(target: SqlTarget): Promise<(string | null)[][]> {
  const found = await target.rows('t', ['_tr_change', ...HISTORY]);
  return found.map((row) => row.slice(1));
}

const PROGRAM: readonly Change[][] = [
  [change(SHOP, { op: 'snapshot', version: 1, after: ['1', 'x', null] }), insert(2, '2', 'y', 'z')],
  [update(3, '1', 'x3', NOT_SENT), update(4, '1', 'x4', 'b4'), remove(5, '1'), insert(6, '1', 'again', null)],
  [truncate(7), insert(8, '3', 'a', 'b'), change(SHOP, { op: 'snapshot-begin', version: 9 }), sweep(10, 9)],
];

const KEPT = [
  ['1', 'x', null, 'snapshot', '1', null, null],
  ['2', 'y', 'z', 'insert', '2', null, null],
  ['1', 'x3', null, 'update', '3', null, '["b"]'],
  ['1', 'x4', 'b4', 'update', '4', null, null],
  ['1', null, null, 'delete', '5', null, '["a","b"]'],
  ['1', 'again', null, 'insert', '6', null, null],
  [null, null, null, 'truncate', '7', '7', null],
  ['3', 'a', 'b', 'insert', '8', null, null],
  [null, null, null, 'sweep', '10', '9', null],
];

function historyTests(newTarget: () => Promise<SqlTarget>): void {
  test('invariant 9: every change is a row, which says what was not sent', async () => {
    const target = await newTarget();
    await run(target, ...PROGRAM);
    expect(await changes(target)).toEqual(KEPT);
    const [first] = await target.rows('t', ['_tr_change', '_tr_time', '_tr_position']);
    expect(first![1]).toMatch(/^2023-11-14[ T]22:13:20\.000001/);
    expect(first![2]).toBe('0/1');
  });

  test('a repeat, also in other batches and by a replay from the beginning, leaves one row per change', async () => {
    const target = await newTarget();
    await run(target, ...PROGRAM);
    const again = await session(target, { generation: 1 });
    await apply(again, PROGRAM.flat());
    await apply(again, PROGRAM.flat().slice(3), 100);
    await again.sink.close();
    expect(await changes(target)).toEqual(KEPT);
  });

  test('a row that a rule makes otherwise in a replay is replaced, one that a filter never let through is not kept', async () => {
    const target = await newTarget();
    const dropped = change(SHOP, { op: 'delete', version: 2, before: ['2'], dropped: true });
    await run(target, [insert(1, '1', 'a', 'b'), dropped], [insert(1, '1', 'other', 'b')]);
    expect(await changes(target)).toEqual([['1', 'other', 'b', 'insert', '1', null, null]]);
  });

  test('rows of a table without key are each kept', async () => {
    const target = await newTarget();
    const log = table('log', [column('line', 'text', 'text')]);
    const line = (version: number) => change(log, { op: 'insert', version, after: ['x'], key: '{}' });
    await run(target, [line(1), line(2)], [change(log, { op: 'delete', version: 3, before: ['x'], key: '{}' })]);
    expect(await target.rows('log', ['_tr_version', '_tr_op', 'line'])).toEqual([
      ['1', 'insert', 'x'],
      ['2', 'insert', 'x'],
      ['3', 'delete', 'x'],
    ]);
  });

  test('it cannot be compared with the source', async () => {
    const target = await newTarget();
    await expect(target.inspect(openOptions(undefined))).rejects.toMatchObject({ code: 'verify.unsupported' });
  });
}

const as = (target: SqlTarget, mode: string): SqlTarget => ({
  ...target,
  open: (options) => target.openAs({ mode }, options),
});

function changedModeTests(newTarget: NewTarget): void {
  test('a table of rows begins to mark deletes when it is told to', async () => {
    const target = await newTarget({});
    await run(target, [insert(1, '1', 'a', 'b'), insert(2, '2', 'a', 'b')]);
    await run(as(target, 'soft_delete'), [remove(3, '1')]);
    expect(await marked(target)).toEqual({ there: ['2'], gone: ['1'] });
  });

  test.each([
    ['mirror', 'history'],
    ['history', 'mirror'],
  ])('a table of mode %s does not become one of mode %s', async (before, after) => {
    const target = await newTarget({ mode: before });
    await run(target, [insert(1, '1', 'a', 'b')]);
    const opened = await session(as(target, after));
    const write = apply(opened, [insert(2, '2', 'a', 'b')], 1);
    await expect(write).rejects.toMatchObject({ code: 'sink.not_ready' });
    await opened.sink.close();
    expect(await rows(target)).toEqual([['1', 'a', 'b']]);
  });
}
