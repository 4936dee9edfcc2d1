/** The acceptance kit under vitest: each case a test. */
import { afterAll, beforeAll, test } from 'vitest';
import type { AcceptanceSuite } from '../../src/testkit/index.ts';

/** Declares the tests. Long cases run only with TAILRACE_FULL, but for those whose ids are given. */
export function acceptanceTests(suite: AcceptanceSuite, sample: readonly string[] = []): void {
  beforeAll(() => suite.start());
  afterAll(() => suite.stop());
  for (const { id, title, skip, isLong, run } of suite.cases) {
    if (skip !== null) continue;
    const isLeft = isLong && process.env.TAILRACE_FULL === undefined && !sample.includes(id);
    test.skipIf(isLeft)(`${id}: ${title}`, ({ signal }) => run(signal).then(() => {}));
  }
}
