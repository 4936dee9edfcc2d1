/**
 * Writes to a log until it is killed: `node writer-child.ts <data directory> <first number>`. Commit n brings record `a<n>` to
 * one topic, two records `b<n>` to another, and the checkpoint `n`. Prints `<n> <end offset in a>` when it is acknowledged.
 */
import { systemClock } from '../../../src/lib/clock.ts';
import { openLog } from '../../../src/log/embedded-log.ts';
import { batchOf } from '../../support/log-batches.ts';

const [dir = '', first = '1'] = process.argv.slice(2);
const limits = { flushBytes: 256 << 10, segmentBytes: 128 << 10, walFileBytes: 128 << 10, stageBytes: 64 << 10 };
const log = await openLog({
  dir,
  clock: systemClock,
  random: Math.random,
  log: () => {},
  ...limits,
  directBytes: 32 << 10,
  cleanEveryMs: null,
});
for (const name of ['a', 'b']) await log.topics.ensure(name, { partitions: 1, cleanup: 'delete' });
const inFlight = new Set<Promise<void>>();
for (let n = Number(first); ; n++) {
  const transaction = log.begin('writer', 0);
  const size = n % 10 === 0 ? 90_000 : n % 7 === 0 ? 40_000 : n % 100;
  await transaction.append('a', 0, batchOf([`a${n} ${'x'.repeat(size)}`]));
  await transaction.append('b', 0, batchOf([`b${n}`, `b${n}`]));
  transaction.checkpoint('n', String(n));
  const commit = transaction.commit().then((ends) => {
    process.stdout.write(`${n} ${ends.find(({ topic }) => topic === 'a')!.endOffset}\n`);
    inFlight.delete(commit);
  });
  inFlight.add(commit);
  if (inFlight.size > 4) await Promise.race(inFlight);
}
