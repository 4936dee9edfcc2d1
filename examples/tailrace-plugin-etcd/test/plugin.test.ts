/** Everything that a part of a pipeline must do, from the acceptance kit, against the real system. */
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pluginSuites } from 'tailrace/testkit';
import plugin from '../src/index.ts';
import * as drivers from './driver.ts';

const module = fileURLToPath(new URL('../src/index.ts', import.meta.url));

for (const suite of pluginSuites(plugin, drivers, module)) {
  describe(`${suite.part} ${suite.name}`, () => {
    before(() => suite.start());
    after(() => suite.stop());
    for (const { id, title, skip, isLong, run } of suite.cases) {
      const isLeftOut = isLong && process.env.TAILRACE_KIT === 'short';
      test(`${id}: ${title}`, { skip: skip ?? isLeftOut }, async ({ signal }) => {
        await run(signal);
      });
    }
  });
}
