/** Random programs of calls, closes, kills and power losses, against a naive log. `TAILRACE_SEED` repeats a run. */

import { expect, test } from 'vitest';
import { Random } from '../../../demo/shop/random.ts';
import fc from '../../support/fast-check.ts';
import { testSeed } from '../../support/seed.ts';
import { simulatedStore } from './embedded-stores.ts';
import { ProgramRun, program } from './model-program.ts';

const seed = testSeed;
const numRuns = Number(process.env.TAILRACE_TEST_RUNS ?? 60);
console.log(`model of the log, seed ${seed}, ${numRuns} programs each`);

test.each(['kill', 'power loss'] as const)(
  'invariant 3: the log is what a naive one is, over every %s',
  async (how) => {
    let kills = 0;
    const property = fc.asyncProperty(program, fc.nat(), async (calls, disk) => {
      const random = new Random(disk);
      const unit = () => random.unit();
      const store = await simulatedStore(how === 'kill' ? null : unit, unit);
      kills += calls.filter(({ call }) => call === 'kill').length;
      try {
        await new ProgramRun(store).run(calls);
      } finally {
        await store.remove();
      }
    });
    await fc.assert(property, { seed, numRuns });
    console.log(`model of the log: ${kills} times a ${how}`);
    expect(kills).toBeGreaterThan(0);
  },
);
