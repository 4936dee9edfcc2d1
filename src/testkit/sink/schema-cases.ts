/** Tables that change, and how fast it is. */
import assert from 'node:assert/strict';
import type { Change } from '../../contracts/row.ts';
import type { TableSchema } from '../../contracts/schema.ts';
import { change, column, table } from '../made-changes.ts';
import { insert, type SinkBench, type SinkCase, sinkCase } from './bench.ts';

const ID = column('id', 'text', 'text', { key: 1 });
const A = column('a', 'text', 'text');
const LATER = column('later', 'text', 'text');
const SPEED_ROWS = 20_000;
const SPEED_BATCH = 1_000;

const version = (columns: TableSchema['columns']) => table('changing', columns, { source: 'kit' });
const row = (schema: TableSchema, at: number, ...after: (string | null)[]): Change =>
  change(schema, { op: 'insert', version: at, after });

async function rowsById(bench: SinkBench, schema: TableSchema): Promise<Readonly<Record<string, unknown>>> {
  const rows = await bench.target.rows(schema);
  return Object.fromEntries(
    rows.map(({ values }) => [values.id!, schema.columns.slice(1).map(({ name }) => values[name] ?? null)]),
  );
}

export const schemaCases: readonly SinkCase[] = [
  sinkCase('schema/added-column', 'a column that a table gets arrives', async (bench) => {
    const [old, now] = [version([ID, A]), version([ID, A, LATER])];
    await bench.run([row(old, 1, '1', 'a')], [row(now, 2, '2', 'a', 'x')]);
    assert.deepEqual(await rowsById(bench, now), { 1: ['a', null], 2: ['a', 'x'] });
  }),
  sinkCase('schema/added-in-batch', 'also inside of one batch, and after a restart', async (bench) => {
    const [old, now] = [version([ID, A]), version([ID, A, LATER])];
    await bench.run([row(old, 1, '1', 'a'), row(now, 2, '2', 'a', 'x'), row(old, 3, '3', 'a')]);
    const again = await bench.session();
    await bench.apply(again, [row(now, 4, '4', 'a', 'y')], { from: 3, epoch: 2 });
    const expected = { 1: ['a', null], 2: ['a', 'x'], 3: ['a', null], 4: ['a', 'y'] };
    assert.deepEqual(await rowsById(bench, now), expected);
  }),
  sinkCase('schema/dropped-column', 'a column that a table loses does not stop its rows', async (bench) => {
    const [old, now] = [version([ID, A, LATER]), version([ID, A])];
    await bench.run([row(old, 1, '1', 'a', 'x')], [row(now, 2, '2', 'a')]);
    const held = await rowsById(bench, now);
    assert.deepEqual(held, { 1: ['a'], 2: ['a'] });
  }),
  sinkCase(
    'speed/floor',
    `${SPEED_ROWS} rows; how fast is told, not judged`,
    async (bench) => {
      const session = await bench.session();
      const start = performance.now();
      for (let from = 0; from < SPEED_ROWS; from += SPEED_BATCH) {
        const ids = Array.from({ length: SPEED_BATCH }, (_, i) => from + i);
        await bench.apply(
          session,
          ids.map((i) => insert(i + 1, String(i), 'some text', 'more of it')),
          { from },
        );
      }
      const perSecond = Math.round((SPEED_ROWS * 1_000) / (performance.now() - start));
      assert.equal((await bench.rows()).length, SPEED_ROWS);
      return `${perSecond} rows/s`;
    },
    { isLong: true },
  ),
];
