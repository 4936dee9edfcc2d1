/** Every bit flip of a small data directory (a sample unless TAILRACE_FULL is set; TAILRACE_SEED repeats it). */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../../demo/shop/random.ts';
import { testSeed } from '../../support/seed.ts';
import { type DamagedOutcome, SmallLog } from './damaged-log.ts';

const seed = testSeed;
const full = process.env.TAILRACE_FULL !== undefined;
const sample = Number(process.env.TAILRACE_TEST_RUNS ?? 200);
console.log(`bit flips of the log, seed ${seed}`);

/** Bytes behind the last that is not zero are tried too, so many of them. */
const ZEROS = 8;

describe.each([
  ['whose last commits are vouched for', true],
  ['as a kill right after a commit leaves it', false],
] as const)('a bit flip in a log %s', (_, vouched) => {
  const small = new SmallLog();
  beforeAll(() => small.fill(vouched));
  afterAll(() => small.remove());

  test('invariant 5: is found out: no record is wrong, none is silently gone, at most one batch is lost', async () => {
    const places = placesOf(small);
    const random = new Random(seed);
    const picked = Array.from({ length: sample }, () => random.pick(places));
    const tried = full ? places : [...places.filter(isFirstOffset), ...picked];
    const counts = new Map<string, number>();
    for (const { path, byte, bit } of tried) {
      const damaged = small.disk.copy();
      damaged.bytes(path)![byte]! ^= 1 << bit;
      const outcome = await small.outcome(damaged, !vouched).catch((cause: unknown) => {
        throw new Error(`seed ${seed}, ${path.slice(small.dir.length)} byte ${byte} bit ${bit}`, { cause });
      });
      count(counts, path.slice(small.dir.length), outcome);
      expect(outcome.unreadable, `${path} byte ${byte} bit ${bit}`).toBeLessThanOrEqual(1);
    }
    console.log(
      `${tried.length} bit flips: ${[...counts]
        .sort()
        .map(([kind, n]) => `${n} ${kind}`)
        .join(', ')}`,
    );
    expect([...counts.keys()].filter((kind) => kind.startsWith('refused'))).toEqual([]);
  });
});

test('a bit flip in the file that says the format: read as it is, or refused with what to do', async () => {
  const small = new SmallLog();
  await small.fill(true);
  const path = join(small.dir, 'format');
  const right = readFileSync(path);
  const kinds = new Set<string>();
  for (let i = 0; i < right.length * 8; i++) {
    const flipped = Buffer.from(right);
    flipped[i >> 3]! ^= 1 << (i & 7);
    writeFileSync(path, flipped);
    kinds.add((await small.outcome(small.disk.copy(), false)).kind);
  }
  expect([...kinds].sort()).toEqual(['intact', 'refused']);
  small.remove();
});

function placesOf(small: SmallLog): { path: string; byte: number; bit: number }[] {
  return small.disk.paths().flatMap((path) => {
    const bytes = small.disk.bytes(path)!;
    const end = Math.min(bytes.length, bytes.findLastIndex((byte) => byte !== 0) + 1 + ZEROS);
    return Array.from({ length: end * 8 }, (_, i) => ({ path, byte: i >> 3, bit: i & 7 }));
  });
}

/** The offset of a segment's first batch: no checksum covers it, and a read may begin with it. */
function isFirstOffset({ path, byte }: { readonly path: string; readonly byte: number }): boolean {
  return path.endsWith('.log') && byte >= 6 && byte < 8;
}

function count(counts: Map<string, number>, path: string, { kind }: DamagedOutcome): void {
  const name = `${kind} in ${path.split('/')[1]}`;
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
