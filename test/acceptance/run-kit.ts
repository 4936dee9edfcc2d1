/** The acceptance kit under vitest: each case a test. */
import { afterAll, beforeAll, test } from 'vitest';
import { Random } from '../../demo/shop/random.ts';
import type { AcceptanceSuite } from '../../src/testkit/index.ts';
import { testSeed } from '../support/seed.ts';

export interface Sample {
  /** Cases that run without TAILRACE_FULL, drawn by the seed from those that take no seconds. Absent: all of these. */
  readonly cases?: number;
  /** Ids of cases that run always. */
  readonly always?: readonly string[];
}

/** Declares the tests: all of them with TAILRACE_FULL (`npm run chaos -- plugins`), else a sample. */
export function acceptanceTests(
  suite: AcceptanceSuite,
  { cases = Number.POSITIVE_INFINITY, always = [] }: Sample = {},
): void {
  const all = suite.cases.filter(({ skip }) => skip === null);
  const random = new Random(testSeed, suite.name.length);
  const drawn = all
    .filter(({ isLong }) => !isLong)
    .map(({ id }) => ({ id, place: random.unit() }))
    .sort((a, b) => a.place - b.place)
    .slice(0, cases);
  const chosen = new Set([...always, ...drawn.map(({ id }) => id)]);
  const isFull = process.env.TAILRACE_FULL !== undefined;
  beforeAll(() => suite.start());
  afterAll(() => suite.stop());
  for (const { id, title, run } of all) {
    if (!isFull && !chosen.has(id)) continue;
    test(`${id}: ${title}`, ({ signal }) => run(signal).then(() => {}));
  }
}
