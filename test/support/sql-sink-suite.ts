/** What every SQL sink must do, run against real targets. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Change, NOT_SENT } from '../../src/contracts/row.ts';
import type { TableSchema } from '../../src/contracts/schema.ts';
import type { OpenSink, SinkOpenOptions, SinkPositions } from '../../src/contracts/sink.ts';
import { batch, type Cell, change, column, type LogLine, lineage, openOptions, table } from './changes.ts';
import { TableModel } from './table-model.ts';

/** One empty target database (or schema). */
export interface SqlTarget {
  open(options: Omit<SinkOpenOptions<unknown>, 'config'>): Promise<OpenSink>;
  /** Rows of a table by its unquoted name, values as text, NULL as null; sorted by their JSON. */
  rows(name: string, columns: readonly string[]): Promise<(string | null)[][]>;
  exec(sql: string): Promise<void>;
  /** Name of the table in SQL of this target. */
  quoted(name: string): string;
}

const never = new AbortController().signal;
const SHOP = table('t', [
  column('id', 'text', 'text', { key: 1 }),
  column('a', 'text', 'text'),
  column('b', 'text', 'text'),
]);
const COLUMNS = ['id', 'a', 'b'];

const insert = (version: number, ...after: Cell[]): Change => change(SHOP, { op: 'insert', version, after });
const update = (version: number, ...after: Cell[]): Change => change(SHOP, { op: 'update', version, after });
const remove = (version: number, id: string): Change => change(SHOP, { op: 'delete', version, before: [id] });

export function sqlSinkSuite(newTarget: () => Promise<SqlTarget>): void {
  const session = async (target: SqlTarget, more: Partial<SinkOpenOptions<unknown>> = {}) => {
    const { lines, ...options } = openOptions(undefined, more);
    return { ...(await target.open(options)), lines };
  };
  const apply = async ({ sink }: OpenSink, changes: readonly Change[], from = 0, epoch = 1) => {
    const rejections = await sink.write(batch(changes, { from, epoch }), never);
    await sink.flush(never);
    return rejections;
  };
  /** Applies batch after batch, each in one write and flush. */
  const run = async (target: SqlTarget, ...batches: Change[][]): Promise<readonly LogLine[]> => {
    const opened = await session(target);
    let from = 0;
    for (const changes of batches) {
      expect(await apply(opened, changes, from)).toEqual([]);
      from += changes.length;
    }
    await opened.sink.close();
    return opened.lines;
  };
  const rows = (target: SqlTarget) => target.rows('t', COLUMNS);

  describe('rows', () => {
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

    test('a table without key is appended to, once per change', async () => {
      const target = await newTarget();
      const log = table('log', [column('line', 'text', 'text')]);
      const line = (version: number, text: string) => change(log, { op: 'insert', version, after: [text], key: '{}' });
      await run(target, [line(1, 'x'), line(2, 'x')], [line(3, 'y')]);
      expect(await target.rows('log', ['line'])).toEqual([['x'], ['x'], ['y']]);
    });
  });

  describe('versions', () => {
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

    test('deletes are forgotten after the hold time', async () => {
      const target = await newTarget();
      await run(target, [remove(1, '1')]);
      const { context } = openOptions(undefined);
      const clock = { ...context.clock, now: () => Date.now() + 8 * 24 * 3_600_000 };
      const later = await session(target, { context: { ...context, clock } });
      await apply(later, [insert(2, '2', 'a', 'b')], 1);
      await later.sink.close();
      expect(await target.rows('_tr_deleted', ['key'])).toEqual([]);
    });
  });

  describe('tables', () => {
    test('a new column is added, rows of the old and new description come in one batch, nothing is dropped', async () => {
      const target = await newTarget();
      const wider = table('t', [...SHOP.columns.slice(0, 2), column('c', 'text', 'text')]);
      await run(target, [
        insert(1, '1', 'a', 'b'),
        change(wider, { op: 'insert', version: 2, after: ['2', 'a', 'c'] }),
        change(wider, { op: 'update', version: 3, after: ['1', 'a3', 'c3'] }),
      ]);
      expect(await target.rows('t', ['id', 'a', 'b', 'c'])).toEqual([
        ['1', 'a3', 'b', 'c3'],
        ['2', 'a', null, 'c'],
      ]);
    });

    test('a table of the user is filled and gets the version column', async () => {
      const target = await newTarget();
      await target.exec(`CREATE TABLE ${target.quoted('t')} (note text, id text PRIMARY KEY, a text NOT NULL)`);
      await target.exec(`INSERT INTO ${target.quoted('t')} VALUES ('mine', '1', 'old')`);
      await run(target, [insert(1, '1', 'a', 'b')], [update(2, '1', NOT_SENT, 'b2')]);
      expect(await target.rows('t', ['note', 'id', 'a', 'b'])).toEqual([['mine', '1', 'a', 'b2']]);
    });

    test('a type that cannot hold the values is an error that names table and column', async () => {
      const target = await newTarget();
      const numbers = table('n', [column('id', 'int32', 'integer', { key: 1 }), column('v', 'int32', 'integer')]);
      const texts = table('n', [column('id', 'int32', 'integer', { key: 1 }), column('v', 'text', 'text')]);
      await run(target, [change(numbers, { op: 'insert', version: 1, after: [1, 1] })]);
      const later = await session(target);
      const write = apply(later, [change(texts, { op: 'insert', version: 2, after: [2, '007'] })], 1);
      await expect(write).rejects.toMatchObject({
        code: 'sink.not_ready',
        message: expect.stringMatching(/"v".*"?n"?/),
      });
      await later.sink.close();
      expect(await target.rows('n', ['id', 'v'])).toEqual([['1', '1']]);
    });

    test('a table without a unique key is refused with the statement that mends it', async () => {
      const target = await newTarget();
      await target.exec(`CREATE TABLE ${target.quoted('t')} (id text, a text, b text)`);
      const opened = await session(target);
      const write = apply(opened, [insert(1, '1', 'a', 'b')]);
      await expect(write).rejects.toMatchObject({ code: 'sink.not_ready', remedy: expect.stringContaining('UNIQUE') });
      await opened.sink.close();
    });

    test('two source tables of one name are refused, as is a column that takes our name', async () => {
      const target = await newTarget();
      const opened = await session(target);
      const other = table('t', SHOP.columns, { source: 'elsewhere' });
      const both = [insert(1, '1', 'a', 'b'), change(other, { op: 'insert', version: 2, after: ['1', 'x', 'y'] })];
      await expect(apply(opened, both)).rejects.toMatchObject({ code: 'sink.not_ready' });
      await opened.sink.close();
      const taken = table('v', [...SHOP.columns, column('_tr_version', 'text', 'text')]);
      const second = await session(target);
      const write = apply(second, [change(taken, { op: 'insert', version: 1, after: ['1', 'a', 'b', 'c'] })]);
      await expect(write).rejects.toMatchObject({ code: 'sink.not_ready' });
      await second.sink.close();
    });

    test('names are quoted, whatever they hold', async () => {
      const target = await newTarget();
      const odd = table('T "x"; drop table t --', [
        column('select', 'int32', 'integer', { key: 1 }),
        column(`a"b'c$1`, 'text', 'text); drop table t; --'),
        column('ü ñ', 'text', 'text'),
      ]);
      await run(
        target,
        [change(odd, { op: 'insert', version: 1, after: [1, `it's`, '\\'] })],
        [change(odd, { op: 'update', version: 2, after: [1, '"{}",\\N\n\t', NOT_SENT] })],
      );
      const names = odd.columns.map(({ name }) => name);
      expect(await target.rows(odd.table, names)).toEqual([['1', '"{}",\\N\n\t', '\\']]);
    });
  });

  describe('positions', () => {
    test('are committed with the data and win at the next open', async () => {
      const target = await newTarget();
      expect((await session(target)).resume).toBeNull();
      await run(target, [insert(1, '1', 'a', 'b'), insert(2, '2', 'a', 'b')]);
      const next = await session(target);
      expect(next.resume).toEqual([{ topic: 'shop.public.t', partition: 0, next: 2n }]);
      await next.sink.close();
    });

    test('what was written and not flushed is gone after a restart, with its position', async () => {
      const target = await newTarget();
      const first = await session(target);
      await apply(first, [insert(1, '1', 'a', 'b')]);
      await first.sink.write(batch([insert(2, '2', 'a', 'b')], { from: 1 }), never);
      await first.sink.close();
      const second = await session(target);
      expect(second.resume).toEqual([{ topic: 'shop.public.t', partition: 0, next: 1n }]);
      expect(await rows(target)).toEqual([['1', 'a', 'b']]);
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
  });

  describe('poison', () => {
    /** Refused by a constraint of the target: `a` must not be the word. */
    const guarded = async () => {
      const target = await newTarget();
      const check = `CHECK (a <> 'poison')`;
      await target.exec(`CREATE TABLE ${target.quoted('t')} (id text PRIMARY KEY, a text ${check}, b text)`);
      return target;
    };

    test('one poison row among 1,000 comes back, the others are applied', async () => {
      const target = await guarded();
      const changes = Array.from({ length: 1_000 }, (_, i) => insert(i + 1, `k${i}`, i === 500 ? 'poison' : 'a', 'b'));
      const opened = await session(target);
      const rejections = await apply(opened, changes);
      expect(rejections.map(({ record }) => record.offset)).toEqual([500n]);
      const { error } = rejections[0]!;
      expect(error.code).toBe('sink.rejected');
      expect(error.message).not.toContain('k500');
      expect(error.detail).toBeTruthy();
      expect(await rows(target)).toHaveLength(999);
      await apply(opened, [insert(2_000, 'later', 'a', 'b')], 1_000);
      await opened.sink.close();
      expect(await rows(target)).toHaveLength(1_000);
    });

    test('invariant 6: changes of the row before and after a refused one are applied, partial ones wait', async () => {
      const target = await guarded();
      const opened = await session(target);
      const rejections = await apply(opened, [
        insert(1, '1', 'before', 'b'),
        update(2, '1', 'poison', 'b2'),
        update(3, '1', NOT_SENT, 'b3'),
        insert(4, '2', 'a', 'b'),
        update(5, '2', 'poison', 'x'),
        update(6, '2', 'whole', 'b6'),
        update(7, '2', NOT_SENT, 'b7'),
      ]);
      await opened.sink.close();
      expect(await rows(target)).toEqual([
        ['1', 'before', 'b'],
        ['2', 'whole', 'b7'],
      ]);
      // A row that a later whole change replaces need not be tried; partial ones after a refused one are held.
      const offsets = rejections.map(({ record }) => Number(record.offset)).sort((a, b) => a - b);
      expect(offsets.filter((offset) => offset !== 4)).toEqual([1, 2]);
    });

    test('a truncate among poison rows keeps its place', async () => {
      const target = await guarded();
      const opened = await session(target);
      const rejections = await apply(opened, [
        insert(1, '1', 'a', 'b'),
        insert(2, '2', 'poison', 'b'),
        change(SHOP, { op: 'truncate', version: 3 }),
        insert(4, '3', 'a', 'b'),
        insert(5, '4', 'poison', 'b'),
      ]);
      await opened.sink.close();
      expect(rejections.map(({ record }) => record.offset)).toEqual([1n, 4n]);
      expect(await rows(target)).toEqual([['3', 'a', 'b']]);
    });
  });

  test('invariant 7: any changes, splits, restarts and repeats come to what the model by version says', {
    timeout: 60_000,
  }, async () => {
    const seed = Number(process.env.TAILRACE_TEST_SEED ?? Date.now() % 1_000_000);
    console.log(`differential test seed ${seed}`);
    await fc.assert(
      fc.asyncProperty(programs, async ({ changes, steps }) => {
        await runProgram(await newTarget(), session, changes, steps);
      }),
      { seed, numRuns: Number(process.env.TAILRACE_TEST_RUNS ?? 40) },
    );
  });
}

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

const programs = fc.record({
  changes: fc.integer({ min: 1, max: 40 }).chain((n) => fc.tuple(...Array.from({ length: n }, (_, i) => changeAt(i)))),
  steps: fc.array(
    fc.record<Step>({
      size: fc.integer({ min: 1, max: 12 }),
      end: fc.constantFrom('flush', 'flush', 'hold', 'crash', 'replay'),
    }),
    { minLength: 1, maxLength: 8 },
  ),
});

async function runProgram(
  target: SqlTarget,
  open: (target: SqlTarget, more: Partial<SinkOpenOptions<unknown>>) => Promise<OpenSink>,
  changes: readonly Change[],
  steps: readonly Step[],
): Promise<void> {
  let model = new TableModel(SHOP as TableSchema);
  let committed = { model: model.copy(), at: 0 };
  let generation = 0;
  let epoch = 1;
  let at = 0;
  let { sink } = await open(target, { generation });
  const reopen = async () => {
    await sink.close();
    const opened = await open(target, { generation });
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
      model = committed.model.copy();
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
  expect(await target.rows('t', COLUMNS).catch(() => [])).toEqual(model.rows());
}
