/** What every SQL sink must do, run against real targets. */
import { describe, expect, test } from 'vitest';
import { NOT_SENT } from '../../src/contracts/row.ts';
import type { OpenSink, SinkOpenOptions } from '../../src/contracts/sink.ts';
import type { SinkInspector } from '../../src/contracts/verification.ts';
import { change, column, openOptions, table } from './changes.ts';
import { lastValueSuite } from './last-value-suite.ts';
import { apply, insert, type LastValueTarget, remove, rows, run, SHOP, session, update } from './last-value-target.ts';
import { raceWithStale } from './stale-instance.ts';

/** One empty target database (or schema). */
export interface SqlTarget extends LastValueTarget {
  exec(sql: string): Promise<void>;
  /** The same database with other settings. */
  openAs(settings: object, options: Omit<SinkOpenOptions<unknown>, 'config'>): Promise<OpenSink>;
  /** Looks at what is held, with the settings of this target. */
  inspect(options: Omit<SinkOpenOptions<unknown>, 'config'>): Promise<SinkInspector>;
  /** Name of the table in SQL of this target. */
  quoted(name: string): string;
  /** For a process of its own that opens this target. */
  readonly job: { readonly type: string; readonly config: unknown };
}

type NewTarget = () => Promise<SqlTarget>;

export interface SqlSuiteOptions {
  /** A table with a unique index beside its key is refused. */
  readonly refusesOtherUnique?: boolean;
}

export function sqlSinkSuite(newTarget: NewTarget, { refusesOtherUnique = false }: SqlSuiteOptions = {}): void {
  lastValueSuite(newTarget, { transactional: true });
  describe('tables', () => tableTests(newTarget));
  describe('tables and names that do not fit', () => unfitTests(newTarget));
  describe('poison', () => {
    poisonTests(newTarget);
    refusedSweepTest(newTarget);
  });
  describe('constraints', () => {
    if (!refusesOtherUnique) uniqueTest(newTarget);
    foreignKeyTest(newTarget);
  });

  test('a stale instance that was stopped and goes on after another one took over is refused', async () => {
    const target = await newTarget();
    expect(await raceWithStale(target.job, { total: 40, size: 5, stopAt: 10 })).toBe('sink.fenced');
    // Rows 0 … 9 in turn: each holds the last number that fell on it.
    const held = await target.rows('items', ['id', 'n']);
    expect(held.map(([id, n]) => Number(n) - Number(id))).toEqual(Array(10).fill(30));
    const opened = await session(target);
    expect(opened.resume?.map(({ next }) => next)).toEqual([40n]);
    await opened.sink.close();
  }, 180_000);

  test('a table without key is appended to, once per change', async () => {
    const target = await newTarget();
    const log = table('log', [column('line', 'text', 'text')]);
    const line = (version: number, text: string) => change(log, { op: 'insert', version, after: [text], key: '{}' });
    await run(target, [line(1, 'x'), line(2, 'x')], [line(3, 'y')]);
    expect(await target.rows('log', ['line'])).toEqual([['x'], ['x'], ['y']]);
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
}

function tableTests(newTarget: NewTarget): void {
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
}

function unfitTests(newTarget: NewTarget): void {
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
}

/** Refused by a constraint of the target: `a` must not be the word. */
async function guardedTarget(newTarget: NewTarget): Promise<SqlTarget> {
  const target = await newTarget();
  const check = `CHECK (a <> 'poison')`;
  await target.exec(`CREATE TABLE ${target.quoted('t')} (id text PRIMARY KEY, a text ${check}, b text)`);
  return target;
}

function poisonTests(newTarget: NewTarget): void {
  test('one poison row among 1,000 comes back, the others are applied', async () => {
    const target = await guardedTarget(newTarget);
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
    const target = await guardedTarget(newTarget);
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
    const target = await guardedTarget(newTarget);
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
}

/** Rows with a dead letter. */
function refusedSweepTest(newTarget: NewTarget): void {
  test('invariant 7: a row whose change is refused outlives a sweep in the same write, but no truncate', async () => {
    const target = await guardedTarget(newTarget);
    await run(target, [insert(1, '1', 'a', 'b'), insert(2, '2', 'a', 'b')]);
    const opened = await session(target);
    const refused = await apply(
      opened,
      [
        change(SHOP, { op: 'snapshot', version: 11, after: ['1', 'poison', 'b'] }),
        change(SHOP, { op: 'snapshot-end', version: 12, sweepBelow: 10 }),
      ],
      2,
    );
    expect(refused.map(({ record }) => record.offset)).toEqual([2n]);
    expect(await rows(target)).toEqual([['1', 'a', 'b']]);
    await apply(opened, [update(13, '1', 'poison', 'b'), change(SHOP, { op: 'truncate', version: 14 })], 4);
    await opened.sink.close();
    expect(await rows(target)).toEqual([]);
  });
}

/** What was possible at the source in its order is possible here, whatever a batch is reduced to. */
function uniqueTest(newTarget: NewTarget): void {
  test('a unique value goes from row to row within a batch, and from a deleted row to a new one', async () => {
    const target = await newTarget();
    await target.exec(`CREATE TABLE ${target.quoted('t')} (id text PRIMARY KEY, a varchar(20) UNIQUE, b text)`);
    await run(
      target,
      [insert(1, '1', 'x', 'b'), insert(2, '2', 'y', 'b')],
      [update(3, '1', 'z', 'b'), update(4, '2', 'x', 'b'), update(5, '1', 'y', 'b'), insert(6, '3', 'w', 'b')],
      [remove(7, '3'), insert(8, '4', 'w', 'b'), update(9, '2', 'v', NOT_SENT), update(10, '1', 'x', NOT_SENT)],
    );
    expect(await rows(target)).toEqual([
      ['1', 'x', 'b'],
      ['2', 'v', 'b'],
      ['4', 'w', 'b'],
    ]);
  });
}

function foreignKeyTest(newTarget: NewTarget): void {
  test('a row that refers to one of another table comes after it, and goes before it', async () => {
    const target = await newTarget();
    const [parents, children] = ['parents', 'children'].map((name) => table(name, SHOP.columns.slice(0, 2)));
    const reference = `FOREIGN KEY (a) REFERENCES ${target.quoted('parents')} (id)`;
    await target.exec(`CREATE TABLE ${target.quoted('parents')} (id varchar(20) PRIMARY KEY, a varchar(20))`);
    await target.exec(
      `CREATE TABLE ${target.quoted('children')} (id varchar(20) PRIMARY KEY, a varchar(20), ${reference})`,
    );
    const parent = (op: 'insert' | 'delete', version: number, id: string) =>
      change(parents!, { op, version, ...(op === 'insert' ? { after: [id, 'a'] } : { before: [id] }) });
    const child = (version: number, id: string, of: string) =>
      change(children!, { op: version < 3 ? 'insert' : 'update', version, after: [id, of] });
    await run(
      target,
      [parent('insert', 1, 'p1'), child(2, 'c', 'p1')],
      [child(3, 'c', 'p1'), parent('insert', 4, 'p2'), child(5, 'c', 'p2'), parent('delete', 6, 'p1')],
    );
    expect(await target.rows('children', ['id', 'a'])).toEqual([['c', 'p2']]);
    expect(await target.rows('parents', ['id'])).toEqual([['p2']]);
  });
}
