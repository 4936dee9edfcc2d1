/** What lint says of wrong files, to the letter. */
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createApp } from '../src/main.ts';
import { lintText, updateExpected, wrongFiles } from './support/wrong-files.ts';

const { registry } = await createApp();
if (process.env.UPDATE_EXPECTED === '1') await updateExpected(registry);

for (const { path, cases } of wrongFiles()) {
  describe(basename(path, '.txt'), () => {
    test.each(cases)('$name', async (one) => {
      expect(await lintText(one, registry)).toBe(one.expected);
    });
  });
}
