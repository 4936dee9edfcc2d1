/** The kit can fail: each plugin that is broken on purpose turns exactly the right case red. */
import { describe, expect, test } from 'vitest';
import type { StepRow } from '../contracts/plugin.ts';
import { defineStep, z } from '../sdk/index.ts';
import { runSuite, type StepDriver, stepAcceptance } from './index.ts';

const config = z.strictObject({ column: z.string() });

function shout(broken: Partial<Parameters<typeof defineStep>[0]> = {}) {
  return defineStep({
    verb: 'shout',
    summary: 'Upper case.',
    example: 'shout: { column: name }',
    config,
    reads: () => ['name'],
    columns: () => ({ name: 'text' }),
    compile: () => (row: StepRow) => ({ name: String(row.name).toUpperCase() }),
    ...broken,
  });
}

const driver: StepDriver = {
  uses: [
    {
      config: { column: 'name' },
      rows: [
        { name: 'x', id: 1 },
        { name: 'y', id: 2 },
      ],
      made: [{ name: 'X' }, { name: 'Y' }],
    },
  ],
  wrong: [{}, { column: 1 }],
};

/** Makes something else from the third row on. */
function forgetful() {
  let rows = 0;
  return (row: StepRow) => ({ name: `${row.name}`.toUpperCase().repeat(++rows > 2 ? 2 : 1) });
}

async function failed(suite: Parameters<typeof runSuite>[0]): Promise<readonly string[]> {
  const { results } = await runSuite(suite);
  return results.filter(({ status }) => status === 'failed').map(({ id }) => id);
}

describe('steps', () => {
  test('one that is right passes', async () => {
    expect(await failed(stepAcceptance(shout(), driver))).toEqual([]);
  });

  test.each([
    ['step/columns', { columns: () => ({ nam: 'text' }) }],
    ['step/reads', { reads: () => ['id'] }],
    ['step/pure', { compile: forgetful }],
    ['step/made', { compile: () => (row: StepRow) => ({ name: row.name }) }],
    ['step/config', { config: z.object({ column: z.string() }) }],
  ] as const)('%s turns red', async (id, broken) => {
    expect(await failed(stepAcceptance(shout(broken as never), driver))).toEqual([id]);
  });
});
