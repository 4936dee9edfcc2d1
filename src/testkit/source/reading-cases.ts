/** What a source reads, in which order, and where it goes on. */
import assert from 'node:assert/strict';
import type { Position } from '../../contracts/source.ts';
import {
  insert,
  onOrigin,
  type Reading,
  remove,
  type Seen,
  type SourceBench,
  type SourceCase,
  update,
} from './bench.ts';

type Work = (bench: SourceBench, signal: AbortSignal) => Promise<unknown>;

export function sourceCase(id: string, title: string, work: Work, more: Partial<SourceCase> = {}): SourceCase {
  return { id, title, ...more, run: (subject, signal) => onOrigin(subject, (bench) => work(bench, signal)) };
}

/** What the position leads to is JSON, and comes back as it was. */
export function checkPosition(position: Position): void {
  assert.deepEqual(JSON.parse(JSON.stringify(position)), position, 'a position changes when it is stored as JSON');
  assert.equal(typeof position.v, 'number', 'a position has no `v`');
}

/** Positions after each transaction, with the number of rows up to it. */
function positionsOf(reading: Reading): readonly { readonly position: Position; readonly rows: number }[] {
  let rows = 0;
  return reading.output.transactions.map((transaction) => {
    rows += transaction.rows.length;
    return { position: transaction.resume!, rows };
  });
}

const PROGRAM = [
  [insert('1'), insert('2')],
  [update('1', 'x', 'y'), remove('2')],
  [insert('2', null, 'again')],
  [update('2', 'é', null), update('1', '', 'z'), insert('3')],
  [remove('1')],
] as const;

const STREAMED: readonly Seen[] = [
  ['c', '1', 'a', null],
  ['c', '2', 'a', null],
  ['u', '1', 'x', 'y'],
  ['d', '2'],
  ['c', '2', null, 'again'],
  ['u', '2', 'é', null],
  ['u', '1', '', 'z'],
  ['c', '3', 'a', null],
  ['d', '1'],
];

/** Reads the empty table, then the program; resolves to the reading at its end. */
async function readProgram(bench: SourceBench): Promise<Reading> {
  const reading = await bench.read(null, false);
  await reading.begun();
  for (const changes of PROGRAM) await bench.origin.change(changes);
  await reading.rows(STREAMED.length);
  return reading;
}

export const readingCases: readonly SourceCase[] = [
  sourceCase(
    'reading/snapshot-then-stream',
    'every row once from the snapshot, then the changes, without a gap at the hand-over',
    async (bench) => {
      await bench.origin.change([insert('1'), insert('2', 'x', 'y')]);
      const reading = await bench.read();
      await reading.rows(2);
      await bench.origin.change([update('1', 'new'), insert('3'), remove('2')]);
      const seen = await reading.rows(5);
      const byId = seen.slice(0, 2).toSorted(([, a], [, b]) => (a! < b! ? -1 : 1));
      assert.deepEqual(byId, [
        ['r', '1', 'a', null],
        ['r', '2', 'x', 'y'],
      ]);
      assert.deepEqual(seen.slice(2), [
        ['u', '1', 'new', null],
        ['c', '3', 'a', null],
        ['d', '2'],
      ]);
    },
  ),
  sourceCase('reading/order', 'inserts, updates and deletes in the order of the source', async (bench) => {
    const reading = await readProgram(bench);
    assert.deepEqual(reading.seen(), STREAMED);
  }),
  sourceCase(
    'reading/changed-key',
    'a changed key is a delete of the old and a create of the new',
    async (bench) => {
      const reading = await bench.read();
      await reading.begun();
      await bench.origin.change([insert('1', 'x', 'y')]);
      await bench.origin.change([{ op: 'update', id: '1', newId: '2', a: 'x', b: 'y' }]);
      assert.deepEqual((await reading.rows(3)).slice(1), [
        ['d', '1'],
        ['c', '2', 'x', 'y'],
      ]);
    },
    { needs: ['changesKeys'] },
  ),
  sourceCase(
    'reading/while-snapshot',
    'changes beside a snapshot are neither lost nor older than what it read',
    async (bench) => {
      const ids = Array.from({ length: 200 }, (_, i) => String(i));
      await bench.origin.change(ids.map((id) => insert(id, 'old')));
      const reading = await bench.read();
      for (const id of ids.slice(0, 40)) await bench.origin.change([update(id, 'new')]);
      await bench.origin.change([insert('last')]);
      await reading.until((seen) => seen.some(([, id]) => id === 'last'));
      const held = new Map(reading.seen().map(([op, id, a]) => [id, op === 'd' ? null : a]));
      assert.equal(held.size, ids.length + 1, 'rows are missing');
      const stale = ids.slice(0, 40).filter((id) => held.get(id) !== 'new');
      assert.deepEqual(stale, [], 'rows are older than the source has them');
    },
  ),
  sourceCase('positions/json', 'positions are JSON and come back as they were', async (bench) => {
    const reading = await readProgram(bench);
    for (const { position } of positionsOf(reading)) checkPosition(position);
    for (const position of reading.output.heartbeats) checkPosition(position);
  }),
  sourceCase(
    'positions/resume',
    'from every position that was given it goes on with exactly what follows',
    async (bench) => {
      const first = await readProgram(bench);
      await first.stop();
      const all = first.seen();
      for (const { position, rows } of positionsOf(first)) {
        const again = await bench.read(JSON.parse(JSON.stringify(position)) as Position, false);
        const rest = await again.rows(all.length - rows);
        await again.stop();
        assert.deepEqual(rest, all.slice(rows), `after ${rows} rows it goes on with something else`);
      }
    },
  ),
  sourceCase('positions/stopped', 'what happens while it is stopped is read afterwards, once', async (bench) => {
    const first = await bench.read();
    await first.begun();
    await bench.origin.change([insert('1')]);
    await first.rows(1);
    const at = first.output.lastPosition;
    await first.stop();
    await bench.origin.change([update('1', 'new'), insert('2')]);
    const second = await bench.read(at);
    await bench.origin.change([remove('1')]);
    assert.deepEqual(await second.rows(3), [
      ['u', '1', 'new', null],
      ['c', '2', 'a', null],
      ['d', '1'],
    ]);
  }),
  sourceCase(
    'acknowledge/kept',
    'invariant 1: what was not acknowledged is still there, however often it was read',
    async (bench) => {
      const first = await readProgram(bench);
      const at = first.output.transactions[0]!.resume!;
      first.reader.acknowledge(at);
      await first.stop();
      const rows = first.output.transactions[0]!.rows.length;
      for (const _ of [1, 2]) {
        const again = await bench.read(at, false);
        const rest = await again.rows(STREAMED.length - rows);
        await again.stop();
        assert.deepEqual(rest, STREAMED.slice(rows));
      }
    },
  ),
];
