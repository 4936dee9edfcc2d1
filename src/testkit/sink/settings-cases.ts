/** Settings, the pre-flight check, and what may never be shown (Invariant 12). */
import assert from 'node:assert/strict';
import type { Finding } from '../../contracts/plugin.ts';
import { checkDocumented, checkUnknownKey, expectProblem, problemsOf, Shown } from '../plugin-cases.ts';
import { secretTexts } from '../settings-schema.ts';
import type { SinkSettings } from '../sink-driver.ts';
import { insert, keepsRows, type SinkBench, type SinkCase, type SinkSubject, sinkCase } from './bench.ts';

const PASSWORD = 'kit-canary-Pz7Qv2';
const VALUE = 'kit-canary-row-Wk4Lm9';

const findings = ({ sink }: SinkSubject, bench: SinkBench, settings?: SinkSettings): Promise<readonly Finding[]> =>
  sink.check(bench.options({}, settings));

export const settingsCases: readonly SinkCase[] = [
  sinkCase('settings/unknown-key', 'an unknown key is refused with its name', async (bench, { sink }) =>
    checkUnknownKey(sink.config, bench.target.settings),
  ),
  sinkCase('settings/documented', 'every field is documented', async (_, { sink }) => checkDocumented(sink.config)),
  sinkCase('settings/keeps', 'what it keeps is what the manifest says', async (bench, subject) => {
    const { sink } = subject;
    const keeps = sink.keepsFor?.(sink.config.parse(bench.target.settings)) ?? sink.keeps;
    assert.equal(keeps, keepsRows(subject) ? 'last-value' : 'append', 'keeps of the driver');
  }),
];

export const checkCases: readonly SinkCase[] = [
  sinkCase(
    'check/ready',
    'check finds no problem with a target that works, and changes nothing',
    async (bench, subject) => {
      assert.deepEqual(problemsOf(await findings(subject, bench)), []);
      await bench.expectRows([], 'check has written');
      await bench.run([insert(1, '1', 'a', 'b')]);
      assert.deepEqual(problemsOf(await findings(subject, bench)), [], 'with a target that holds rows');
    },
  ),
  sinkCase(
    'check/host',
    'check says that the host or file cannot be there',
    async (bench, subject) => {
      const settings = await subject.driver.wrongHost!(bench.target);
      const problems = expectProblem(await findings(subject, bench, settings), 'a wrong host');
      assert.ok(!problems.some(({ code }) => code === 'sink.auth'), 'it takes a wrong host for a wrong credential');
    },
    { needs: ['wrongHost'] },
  ),
  sinkCase(
    'check/credential',
    'check tells a wrong credential: sink.auth',
    async (bench, subject) => {
      const settings = await subject.driver.wrongCredential!(bench.target, PASSWORD);
      const problems = expectProblem(await findings(subject, bench, settings), 'a wrong credential');
      assert.ok(
        problems.some(({ code }) => code === 'sink.auth'),
        `no finding has the code sink.auth`,
      );
    },
    { needs: ['wrongCredential'] },
  ),
  sinkCase(
    'check/permission',
    'check tells a missing permission from a wrong host and a wrong credential',
    async (bench, subject) => {
      const settings = await subject.driver.missingPermission!(bench.target);
      const problems = expectProblem(await findings(subject, bench, settings), 'a missing permission');
      const taken = problems.filter(({ code }) => code === 'sink.auth' || code === 'sink.unreachable');
      assert.deepEqual(taken, [], 'it takes a missing permission for something else');
    },
    { needs: ['missingPermission'] },
  ),
];

export const secretCases: readonly SinkCase[] = [
  sinkCase(
    'secrets/settings',
    'invariant 12: a secret of the settings is in no finding, error or log line',
    async (bench, subject) => {
      const { sink, driver } = subject;
      const broken = [await driver.wrongCredential?.(bench.target, PASSWORD), await driver.wrongHost?.(bench.target)];
      const shown = new Shown();
      for (const settings of [bench.target.settings, ...broken]) {
        if (settings === undefined) continue;
        shown.add((await shown.from(() => findings(subject, bench, settings))) ?? [], []);
        const opened = await shown.from(() => sink.open(bench.options({}, settings)));
        if (opened === undefined) continue;
        await shown.from(() => bench.apply(opened, [insert(1, '1', 'a', 'b')]));
        await opened.sink.close();
      }
      shown.add([], bench.lines);
      const secrets = secretTexts(sink.config, bench.target.settings);
      shown.expectNone([PASSWORD, ...secrets], 'a secret');
      return secrets.length === 0 && broken[0] === undefined ? 'the settings hold no secret' : undefined;
    },
  ),
  sinkCase(
    'secrets/rows',
    'invariant 12: values of rows are in no message of an error and in no log line',
    async (bench, { driver }) => {
      const shown = new Shown();
      const opened = await bench.session();
      const poison = await driver.poison?.(bench.target);
      const changes = [insert(1, VALUE, VALUE, VALUE), insert(2, `${VALUE}2`, poison ?? 'a', VALUE)];
      const refused = (await shown.from(() => bench.apply(opened, changes))) ?? [];
      for (const { error } of refused) shown.error(error);
      const mend = await driver.interrupt?.(bench.target);
      if (mend !== undefined) {
        await shown.from(() => bench.apply(opened, [insert(3, `${VALUE}3`, VALUE, VALUE)], { from: 2 }));
        await mend();
      }
      shown.add([], bench.lines);
      shown.expectNone([VALUE], 'a value of a row');
    },
  ),
];
