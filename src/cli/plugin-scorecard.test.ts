/** `tailrace plugin test`, in a process of its own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Project } from '../../test/support/project.ts';

const PLUGIN = `import { definePlugin, defineStep, z } from 'tailrace/sdk';
export default definePlugin({ api: 1, steps: [defineStep({ verb: 'shout', summary: 's', example: 'shout: { column: name }',
  config: z.strictObject({ column: z.string() }), reads: ({ column }) => [column], columns: ({ column }) => ({ [column]: 'text' }),
  compile: ({ column }) => (row) => ({ [column]: String(row[column]).toUpperCase() }) })] });
`;
const driver = (made: string) => `import type { StepDriver } from 'tailrace/testkit';
const shout: StepDriver = { uses: [{ config: { column: 'name' }, rows: [{ name: 'x' }], made: [{ name: '${made}' }] }], wrong: [{}] };
export const steps = { shout };
`;

test('runs the kit with the driver beside the plugin, and tells each case with its reason', async () => {
  const made = await Project.make('', {});
  mkdirSync(join(made.dir, 'shout', 'test'), { recursive: true });
  writeFileSync(join(made.dir, 'shout', 'index.ts'), PLUGIN);
  writeFileSync(join(made.dir, 'wrong.ts'), driver('y'));
  const words = ['plugin', 'test', './shout'];
  const missing = await made.run(words);
  expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('plugin.not_found')]);
  writeFileSync(join(made.dir, 'shout', 'test', 'driver.ts'), driver('X'));
  const right = await made.run(words);
  expect([right.code, right.stdout]).toEqual([0, expect.stringContaining('6 of 6 cases passed')]);
  const wrong = await made.run([...words, '--driver', 'wrong.ts', '--case', 'step/made', '--json']);
  expect(wrong.code).toBe(4);
  const results = [{ id: 'step/made', status: 'failed', reason: expect.stringContaining("'X'") }];
  expect(JSON.parse(wrong.stdout)).toMatchObject({
    result: { scorecards: [{ part: 'step', name: 'shout', results }] },
  });
});
