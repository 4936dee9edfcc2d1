/** Every file of a small data directory cut at every byte (a sample unless TAILRACE_FULL is set; TAILRACE_SEED repeats it). */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Random } from '../../../demo/shop/random.ts';
import { testSeed } from '../../support/seed.ts';
import { SmallLog } from './damaged-log.ts';

const seed = testSeed;
const full = process.env.TAILRACE_FULL !== undefined;
const sample = Number(process.env.TAILRACE_TEST_RUNS ?? 150);
console.log(`cut files of the log, seed ${seed}`);

const small = new SmallLog();
beforeAll(() => small.fill(false));
afterAll(() => small.remove());

test('invariant 5: a file cut at any byte: no record is wrong; what is gone was never vouched for, or is reported', async () => {
  const places = small.disk.paths().flatMap((path) => {
    const bytes = small.disk.bytes(path)!;
    const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
    return Array.from({ length: end }, (_, size) => ({ path, size }));
  });
  const random = new Random(seed);
  const tried = full ? places : Array.from({ length: sample }, () => random.pick(places));
  const counts = new Map<string, number>();
  for (const { path, size } of tried) {
    const damaged = small.disk.copy();
    damaged.truncateFile(path, size);
    const name = path.slice(small.dir.length);
    const wal = name.startsWith('/wal/');
    const { kind } = await small.outcome(damaged, wal).catch((cause: unknown) => {
      throw new Error(`seed ${seed}, ${name} cut at ${size}`, { cause });
    });
    // A staged file or segment is synced before a frame names it, a snapshot before it has its name.
    const what = `${kind} in ${name.split('/')[1]}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  console.log(
    `${tried.length} cuts: ${[...counts]
      .map(([kind, n]) => `${n} ${kind}`)
      .sort()
      .join(', ')}`,
  );
  expect([...counts.keys()].filter((kind) => kind.startsWith('refused'))).toEqual([]);
});

test('invariant 5: a log of whose snapshot no copy is whole is refused, and not begun anew', async () => {
  const damaged = small.disk.copy();
  for (const path of damaged.paths()) {
    if (/snapshot(\.copy)?$/.test(path)) damaged.truncateFile(path, 20);
    else if (path.endsWith('.wal')) await damaged.remove(path);
  }
  expect(await small.outcome(damaged, false)).toMatchObject({ kind: 'refused' });
});
