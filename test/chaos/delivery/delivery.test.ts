/**
 * From a bank into four targets, through faults of every kind: one of each unless TAILRACE_CYCLES says how many
 * (TAILRACE_SEED repeats them). In full, `npm run chaos -- delivery`, and then it is shown that it can fail.
 */
import { describe, expect, test } from 'vitest';
import { testSeed } from '../../support/seed.ts';
import { FAULTS, type Fault, resultText, runCampaign } from './campaign.ts';
import type { Mutation } from './instance-child.ts';

const isFull = process.env.TAILRACE_FULL !== undefined;
const cycles = Number(process.env.TAILRACE_CYCLES ?? (isFull ? 1_000 : FAULTS.length));
const CYCLE_MS = 60_000;

test(`${cycles} cycles of faults, seed ${testSeed}: nothing is lost, doubled, torn or goes back`, {
  timeout: (cycles + 2) * CYCLE_MS,
}, async () => {
  const say = isFull ? (line: string) => console.log(line) : undefined;
  const result = await runCampaign({ cycles, seed: testSeed, ...(say === undefined ? {} : { say }) });
  console.log(resultText(result));
  expect(result).toMatchObject({ cycles, lost: 0, doubled: 0, torn: 0, wentBack: [], stuck: [] });
  expect(result.transfers).toBeGreaterThan(cycles);
});

/** What is spoilt, and the faults that must bring it to light. */
const SPOILT: readonly (readonly [Mutation, readonly Fault[]])[] = [
  ['no-fsync', ['power loss']],
  ['early-acknowledge', ['kill']],
  ['offset-before-flush', ['kill', 'lost answer of the target']],
];

if (isFull) {
  describe('it can fail', () => {
    test.each(SPOILT)('%s is found out', { timeout: 100 * CYCLE_MS }, async (mutation, faults) => {
      const result = await runCampaign({ cycles: 40, seed: testSeed, mutation, faults });
      console.log(`${mutation}: ${resultText(result)}`);
      const { lost, doubled, torn, wentBack, stuck } = result;
      expect(lost + doubled + torn + wentBack.length + stuck.length).toBeGreaterThan(0);
    });
  });
}
