/** Settings, the pre-flight check, what may never be shown (Invariant 12), and what is left behind. */
import assert from 'node:assert/strict';
import type { Finding } from '../../contracts/plugin.ts';
import { checkDocumented, checkUnknownKey, expectProblem, problemsOf, Shown } from '../plugin-cases.ts';
import { secretTexts } from '../settings-schema.ts';
import type { SourceSettings } from '../source-driver.ts';
import { insert, type SourceBench, type SourceCase } from './bench.ts';
import { sourceCase } from './reading-cases.ts';

const PASSWORD = 'kit-canary-Pz7Qv2';
const VALUE = 'kit-canary-row-Wk4Lm9';

const findings = (bench: SourceBench, settings?: SourceSettings): Promise<readonly Finding[]> =>
  bench.source.check(bench.options(settings));

export const settingsCases: readonly SourceCase[] = [
  sourceCase('settings/unknown-key', 'an unknown key is refused with its name', async (bench) =>
    checkUnknownKey(bench.source.config, bench.origin.settings),
  ),
  sourceCase('settings/documented', 'every field is documented', async (bench) => checkDocumented(bench.source.config)),
  sourceCase('check/ready', 'check finds no problem with a system that is ready', async (bench) => {
    assert.deepEqual(problemsOf(await findings(bench)), []);
  }),
  sourceCase(
    'check/host',
    'check says that the host or file cannot be there',
    async (bench) => {
      const problems = expectProblem(
        await findings(bench, await bench.driver.wrongHost!(bench.origin)),
        'a wrong host',
      );
      assert.ok(!problems.some(({ code }) => code === 'source.auth'), 'it takes a wrong host for a wrong credential');
    },
    { needs: ['wrongHost'] },
  ),
  sourceCase(
    'check/credential',
    'check tells a wrong credential: source.auth',
    async (bench) => {
      const settings = await bench.driver.wrongCredential!(bench.origin, PASSWORD);
      const problems = expectProblem(await findings(bench, settings), 'a wrong credential');
      assert.ok(
        problems.some(({ code }) => code === 'source.auth'),
        'no finding has the code source.auth',
      );
    },
    { needs: ['wrongCredential'] },
  ),
  sourceCase(
    'check/permission',
    'check tells a missing permission from a wrong host and a wrong credential',
    async (bench) => {
      const settings = await bench.driver.missingPermission!(bench.origin);
      const problems = expectProblem(await findings(bench, settings), 'a missing permission');
      const taken = problems.filter(({ code }) => code === 'source.auth' || code === 'source.unreachable');
      assert.deepEqual(taken, [], 'it takes a missing permission for something else');
    },
    { needs: ['missingPermission'] },
  ),
  sourceCase(
    'secrets/shown',
    'invariant 12: neither secrets nor values of rows are in findings, errors or log lines',
    async (bench) => {
      const { source, driver, origin } = bench;
      const shown = new Shown();
      const broken = [await driver.wrongCredential?.(origin, PASSWORD), await driver.wrongHost?.(origin)];
      for (const settings of [origin.settings, ...broken]) {
        if (settings !== undefined) shown.add((await shown.from(() => findings(bench, settings))) ?? [], []);
      }
      await origin.change([insert(VALUE, VALUE, VALUE)]);
      const reading = await bench.read();
      await reading.rows(1);
      await origin.change([insert(`${VALUE}2`, VALUE, VALUE)]);
      await reading.rows(2);
      await reading.stop();
      shown.add([], bench.lines);
      shown.expectNone([PASSWORD, VALUE, ...secretTexts(source.config, origin.settings)], 'a secret or a value');
    },
  ),
  sourceCase('settings/describe', 'describe tells the columns that the stream has', async (bench) => {
    await bench.origin.change([insert('1')]);
    const [described] = await bench.source.describe(bench.options());
    const reading = await bench.read();
    await reading.rows(1);
    const [streamed] = reading.output.schemas;
    const columns = (table: typeof described) =>
      table?.columns.map(({ name, kind, keyOrdinal }) => [name, kind, keyOrdinal]);
    assert.deepEqual(columns(described), columns(streamed));
    assert.deepEqual(
      columns(described)?.map(([name]) => name),
      ['id', 'a', 'b'],
    );
  }),
  sourceCase('teardown/twice', 'teardown removes what it made, also when it never ran, and twice', async (bench) => {
    await bench.source.teardown(bench.options());
    const reading = await bench.read();
    await reading.begun();
    await reading.stop();
    await bench.source.teardown(bench.options());
    await bench.source.teardown(bench.options());
    const again = await bench.read();
    await again.begun();
    await bench.origin.change([insert('1')]);
    await again.rows(1);
  }),
];
