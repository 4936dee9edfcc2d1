/** What every SQL sink does where its table lacks columns of the source, by `schema_changes`; run against real targets. */
import { describe, expect, test } from 'vitest';
import { classOf } from '../../src/contracts/errors.ts';
import type { OpenSink } from '../../src/contracts/sink.ts';
import { change, column, openOptions, table } from './changes.ts';
import { apply, insert, run, SHOP, session } from './last-value-target.ts';
import type { SqlTarget } from './sql-sink-suite.ts';

type NewTarget = (settings: object) => Promise<SqlTarget>;

/** @param hasTypes columns of the target hold values of their type only */
export function schemaChangesSuite(newTarget: NewTarget, { hasTypes = false } = {}): void {
  describe('schema_changes', () => {
    evolveTests(() => newTarget({ schema_changes: 'evolve' }), hasTypes);
    ignoreTests(() => newTarget({ schema_changes: 'ignore' }));
    stopTest(() => newTarget({ schema_changes: 'stop' }));
  });
}

const WIDER = table('t', [...SHOP.columns, column('c', 'text', 'text')]);
const wider = (version: number, ...after: string[]) => change(WIDER, { op: 'insert', version, after });

async function closing<T>(opened: OpenSink, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } finally {
    await opened.sink.close();
  }
}

function evolveTests(newTarget: () => Promise<SqlTarget>, hasTypes: boolean): void {
  test('evolve: a column that the source drops stays with its values, and the log says so', async () => {
    const target = await newTarget();
    const narrow = table('t', SHOP.columns.slice(0, 2));
    const update = change(narrow, { op: 'update', version: 2, after: ['1', 'a2'] });
    const lines = await run(target, [insert(1, '1', 'a', 'b')], [update]);
    expect(await target.rows('t', ['id', 'a', 'b'])).toEqual([['1', 'a2', 'b']]);
    expect(lines.map(({ fields }) => fields?.column)).toEqual(['b']);
  });

  test('evolve: two sinks that make one table at once do not stand in each other’s way', async () => {
    const target = await newTarget();
    const shop = (id: string) => change(SHOP, { op: 'insert', version: 1, after: [id, 'a', 'b'] });
    // A deadlock between them passes: the one that lost begins again, as the runtime would.
    const feed = async (id: string): Promise<unknown> => {
      const opened = await session(target, { id: `p.${id}` });
      return closing(opened, () => apply(opened, [shop(id)])).catch((error: unknown) => {
        if (classOf(error) !== 'retry') throw error;
        return feed(id);
      });
    };
    expect(await Promise.all(['0', '1'].map(feed))).toEqual([[], []]);
    expect(await target.rows('t', ['id'])).toEqual([['0'], ['1']]);
  });

  test.skipIf(!hasTypes)(
    'invariant 9: evolve: a type that has become wider is widened before its values come',
    async () => {
      const target = await newTarget();
      const id = column('id', 'int32', 'integer', { key: 1 });
      const numbers = (kind: 'int32' | 'int64', native: string, precision: number) =>
        table('n', [
          id,
          column('n', kind, native),
          column('d', 'decimal', `numeric(${precision},2)`, { precision, scale: 2 }),
        ]);
      const [narrow, wide] = [numbers('int32', 'integer', 6), numbers('int64', 'bigint', 12)];
      await run(
        target,
        [change(narrow, { op: 'insert', version: 1, after: [1, 7, '1234.56'] })],
        [change(wide, { op: 'insert', version: 2, after: [2, 9007199254740993n, '1234567890.12'] })],
      );
      expect(await target.rows('n', ['id', 'n', 'd'])).toEqual([
        ['1', '7', '1234.56'],
        ['2', '9007199254740993', '1234567890.12'],
      ]);
    },
  );
}

function ignoreTests(newTarget: () => Promise<SqlTarget>): void {
  test('ignore: a column that the target lacks is left out of all writes and comparisons, and the log says so', async () => {
    const target = await newTarget();
    await run(target, [insert(1, '1', 'a', 'b')]);
    const lines = await run(target, [wider(2, '2', 'a', 'b', 'c'), wider(3, '1', 'a3', 'b', 'c')]);
    expect(await target.rows('t', ['id', 'a', 'b'])).toEqual([
      ['1', 'a3', 'b'],
      ['2', 'a', 'b'],
    ]);
    expect(lines.map(({ level, fields }) => [level, fields?.column])).toEqual([['warn', 'c']]);
    await expect(target.rows('t', ['c'])).rejects.toThrow();
    const inspector = await target.inspect(openOptions(undefined));
    expect(await inspector.compare([wider(2, '2', 'a', 'b', 'other')])).toEqual([{ state: 'equal' }]);
    await inspector.close();
  });

  test('ignore: a table without a key column of the source is not written', async () => {
    const target = await newTarget();
    await target.exec(`CREATE TABLE ${target.quoted('t')} (a text, b text)`);
    const opened = await session(target);
    const write = closing(opened, () => apply(opened, [insert(1, '1', 'a', 'b')]));
    await expect(write).rejects.toMatchObject({ code: 'sink.not_ready', message: expect.stringContaining('"id"') });
  });
}

function stopTest(newTarget: () => Promise<SqlTarget>): void {
  test('stop: nothing of the batch is written until the statement that the error shows was run', async () => {
    const target = await newTarget();
    await run(target, [insert(1, '1', 'a', 'b')]);
    const changes = [insert(2, '2', 'a', 'b'), wider(3, '3', 'a', 'b', 'c')];
    const opened = await session(target);
    const stopped: unknown = await closing(opened, () => apply(opened, changes, 1)).catch((error: unknown) => error);
    expect(stopped).toMatchObject({ code: 'sink.not_ready', message: expect.stringContaining('"c"') });
    expect(await target.rows('t', ['id'])).toEqual([['1']]);
    const { remedy } = stopped as { remedy: string };
    await target.exec(remedy.replace(/ALTER TABLE \S+ /, `ALTER TABLE ${target.quoted('t')} `));
    const again = await session(target);
    expect(again.resume?.map(({ next }) => next)).toEqual([1n]);
    expect(await closing(again, () => apply(again, changes, 1))).toEqual([]);
    expect(await target.rows('t', ['id', 'c'])).toEqual([
      ['1', null],
      ['2', null],
      ['3', 'c'],
    ]);
  });
}
