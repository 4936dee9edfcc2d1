/** Positions that the target keeps, and who may write. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { SinkPositions } from '../../contracts/sink.ts';
import { batch } from '../made-changes.ts';
import { insert, KIT_TOPIC, logOf, type SinkBench, type SinkCase, sinkCase } from './bench.ts';

const never = new AbortController().signal;
const at = (next: bigint): SinkPositions => [{ topic: KIT_TOPIC, partition: 0, next }];
const FIRST = 'aaaaaaaaaaaaaaaa';

/** A target keeps positions, or it does not: then none is ever resumed from, and there is nothing more to ask. */
async function keepsPositions(bench: SinkBench): Promise<boolean> {
  const { sink, resume } = await bench.session();
  await sink.close();
  return resume !== null;
}

const NONE = 'the target keeps no positions: those of the log hold';

export const positionCases: readonly SinkCase[] = [
  sinkCase('positions/kept', 'positions are kept with the data and equal what was flushed', async (bench) => {
    if (!(await keepsPositions(bench))) return NONE;
    await bench.run([insert(1, '1', 'a', 'b'), insert(2, '2', 'a', 'b')]);
    assert.deepEqual((await bench.session()).resume, at(2n));
  }),
  sinkCase('positions/flush', 'positions move in flush only: what was not flushed is read again', async (bench) => {
    if (!(await keepsPositions(bench))) return NONE;
    const first = await bench.session();
    await bench.apply(first, [insert(1, '1', 'a', 'b')]);
    await first.sink.write(batch([insert(2, '2', 'a', 'b')], { from: 1, topic: KIT_TOPIC }), never);
    await first.sink.close();
    const second = await bench.session();
    assert.deepEqual(second.resume, at(1n));
    await bench.apply(second, [insert(2, '2', 'a', 'b')], { from: 1, epoch: 2 });
    const expected = [
      ['1', 'a', 'b'],
      ['2', 'a', 'b'],
    ];
    await bench.expectRows(expected, 'after the batch that was not flushed came again');
  }),
  sinkCase(
    'positions/generation',
    'positions of another generation are not obeyed, and are replaced',
    async (bench) => {
      if (!(await keepsPositions(bench))) return NONE;
      await bench.run([insert(1, '1', 'a', 'b')]);
      const replay = await bench.session({ generation: 1 });
      assert.equal(replay.resume, null);
      await bench.apply(replay, [insert(1, '1', 'a', 'b')], { epoch: 2 });
      await replay.sink.close();
      assert.deepEqual((await bench.session({ generation: 1 })).resume, at(1n));
    },
  ),
  sinkCase('positions/empty-batch', 'an empty batch moves them', async (bench) => {
    if (!(await keepsPositions(bench))) return NONE;
    const { sink } = await bench.session();
    await sink.write({ records: [], next: at(9n), epoch: 1 }, never);
    await sink.flush(never);
    await sink.write({ records: [], next: at(9n), epoch: 1 }, never);
    await sink.flush(never);
    await sink.close();
    assert.deepEqual((await bench.session()).resume, at(9n));
  }),
  sinkCase('positions/own', 'another sink of the same target does not resume from them', async (bench) => {
    if (!(await keepsPositions(bench))) return NONE;
    await bench.run([insert(1, '1', 'a', 'b')]);
    let resume: SinkPositions | null;
    try {
      resume = (await bench.session({ id: `kit.${randomUUID()}` })).resume;
    } catch (error) {
      // A target with one writer refuses a second.
      assert.equal((error as { code?: unknown }).code, 'sink.not_ready');
      return 'the target takes one sink';
    }
    assert.ok(resume === null || resume.length === 0, 'it resumes from positions of another sink');
  }),
  sinkCase(
    'writers/other-log',
    'positions of another log are refused, those of an earlier opening are not',
    async (bench) => {
      if (!(await keepsPositions(bench))) return NONE;
      await bench.run([insert(1, '1', 'a', 'b')]);
      await assert.rejects(bench.session({ lineage: logOf('bbbbbbbbbbbbbbbb') }), { code: 'sink.other_log' });
      const grown = await bench.session({ lineage: logOf(FIRST, 'cccccccccccccccc') });
      assert.deepEqual(grown.resume, at(1n));
    },
  ),
  sinkCase(
    'writers/fenced',
    'an instance of an older epoch is fenced once the newer one has written',
    async (bench) => {
      if (!(await keepsPositions(bench))) return NONE;
      const old = await bench.session();
      await bench.apply(old, [insert(1, '1', 'a', 'b')], { epoch: 1 });
      const young = await bench.session();
      await bench.apply(young, [insert(2, '2', 'a', 'b')], { from: 1, epoch: 2 });
      await assert.rejects(bench.apply(old, [insert(3, '3', 'old', 'b')], { from: 1, epoch: 1 }), {
        code: 'sink.fenced',
      });
      await old.sink.close();
      await young.sink.close();
      const expected = [
        ['1', 'a', 'b'],
        ['2', 'a', 'b'],
      ];
      await bench.expectRows(expected, 'the older instance has written');
    },
  ),
  sinkCase('writers/slipped-in', 'a writer that slipped in between open and the first write is seen', async (bench) => {
    if (!(await keepsPositions(bench))) return NONE;
    const slow = await bench.session();
    await bench.run([insert(1, '1', 'a', 'b')]);
    await assert.rejects(bench.apply(slow, [insert(1, '1', 'a', 'b')], { epoch: 2 }), { code: 'sink.unreachable' });
  }),
];
