/** The runtime's output with a store behind it: whatever is under way, the store is never ahead of the log. */
import { expect, test } from 'vitest';
import { envelope, newEncoder, type SentRow, writeRow } from '../../../test/support/encoded.ts';
import { RehydrationWorld, TABLE } from '../../../test/support/rehydration-world.ts';
import { ROW } from '../../../test/support/unsent-rows.ts';
import { LogSourceOutput } from '../source-output.ts';
import { Rehydration } from './rehydration.ts';

const BIG = 'b'.repeat(ROW);
const row = (op: 'c' | 'u', value: string | undefined): SentRow => ({
  op,
  after: [{ text: '1' }, value === undefined ? undefined : { text: value }, null, null],
});
const position = (lsn: string) => ({ v: 1, lsn });

async function outputOf(world: RehydrationWorld) {
  const { log, clock, path } = world;
  const context = { log, envelope, clock, logger: () => {}, failpoint: () => {} };
  const options = {
    ...context,
    path,
    cacheBytes: 1 << 20,
    source: 'shop',
    since: {},
    tables: [TABLE],
    wanted: new Map(),
  };
  const rehydration = await Rehydration.open(options, new AbortController().signal);
  const encoder = newEncoder({ memory: rehydration });
  const output = new LogSourceOutput({
    ...{ name: 'shop', epoch: await log.fence('source/shop'), log, encoder, clock, rehydration, since: {} },
    maxBytes: 1 << 20,
    failpoint: () => {},
    ensureTopic: async ({ name }) => void (await log.topics.ensure(name, { partitions: 1, cleanup: 'compact' })),
    acknowledge: () => {},
    committed: () => {},
    reading: () => {},
    failed: () => {},
  });
  const table = output.register(TABLE);
  const begin = () => output.begin({ id: '1', kind: 'stream', timeUs: 1, position: '0/1' });
  const write = (...rows: SentRow[]) => {
    for (const one of rows) writeRow(output.writer(table), one);
  };
  return { output, begin, write };
}

test('invariant 9: rows written while a commit is under way are not kept before they are durable themselves', async () => {
  const world = new RehydrationWorld();
  const first = await outputOf(world);
  world.log.hold();
  first.begin();
  first.write(row('c', BIG));
  first.output.end(position('1'));
  // The commit of the insert waits for the disk; this transaction has begun when it is done.
  first.begin();
  first.write(row('u', 'later'.repeat(ROW)));
  await world.clock.advance(20_000);
  world.log.release();
  while (world.log.commits.length === 0) await new Promise(setImmediate);
  await first.output.close();
  // Killed: what was not durable comes again, and before it an update that leaves out the value.
  const second = await outputOf(world);
  second.begin();
  second.write(row('u', undefined));
  second.output.end(position('2'));
  await second.output.close();
  expect((await world.rows()).map(([value]) => value)).toEqual([BIG, BIG]);
});

test('invariant 10: a source that never pauses is held up until the store can end its transaction', async () => {
  const world = new RehydrationWorld();
  const { output, begin, write } = await outputOf(world);
  world.log.hold();
  begin();
  write(row('c', BIG));
  output.end(position('1'));
  await Promise.resolve();
  world.log.release();
  while (world.log.commits.length === 0) await new Promise(setImmediate);
  await world.clock.advance(20_000);
  world.log.hold();
  begin();
  write(row('u', undefined));
  output.end(position('2'));
  const drained = output.drain();
  expect(drained).toBeInstanceOf(Promise);
  world.log.release();
  await drained;
  expect(output.drain()).toBe(undefined);
  await output.close();
});
