/** What every step must do. */
import assert from 'node:assert/strict';
import type { StepManifest, StepRow } from '../../contracts/plugin.ts';
import type { StepDriver, StepUse } from '../step-driver.ts';
import type { CaseDefinition } from '../suite.ts';

interface StepSubject {
  readonly step: StepManifest;
  readonly driver: StepDriver;
}

type StepCase = CaseDefinition<StepSubject, StepDriver>;
type Made = Readonly<Record<string, unknown>>;

/** Calls for each use: the configuration as its schema gives it, and the compiled step. */
function eachUse(
  { step, driver }: StepSubject,
  work: (use: StepUse, config: unknown, run: (row: StepRow) => Made) => void,
): void {
  assert.ok(driver.uses.length > 0, 'the driver shows no use');
  for (const use of driver.uses) {
    const config = step.config.parse(use.config);
    work(use, config, step.compile(config));
  }
}

export const stepCases: readonly StepCase[] = [
  {
    id: 'step/made',
    title: 'makes of each row what the driver says',
    unfit: ({ driver }) =>
      driver.uses.some(({ made }) => made !== undefined) ? null : 'the driver does not say what is made',
    run: async (subject) =>
      eachUse(subject, ({ rows, made }, _config, run) => {
        if (made !== undefined) assert.deepEqual(rows.map(run), made);
      }),
  },
  {
    id: 'step/columns',
    title: 'makes no columns but the declared ones, and declares at least one',
    run: async (subject) =>
      eachUse(subject, ({ rows }, config, run) => {
        const declared = Object.keys(subject.step.columns(config));
        assert.ok(declared.length > 0, 'it declares no columns');
        for (const row of rows) {
          const more = Object.keys(run(row)).filter((name) => !declared.includes(name));
          assert.deepEqual(more, [], 'it makes columns that `columns` does not declare');
        }
      }),
  },
  {
    id: 'step/reads',
    title: 'reads no columns but the declared ones',
    unfit: ({ step }) => (step.reads === undefined ? 'the step does not declare what it reads' : null),
    run: async (subject) =>
      eachUse(subject, ({ rows }, config, run) => {
        const declared = subject.step.reads!(config);
        for (const row of rows) {
          const read = new Set<string>();
          run(watched(row, (name) => read.add(name)));
          const more = [...read].filter((name) => !declared.includes(name));
          assert.deepEqual(more, [], 'it reads columns that `reads` does not declare');
        }
      }),
  },
  {
    id: 'step/pure',
    title: 'makes the same of the same row, in any order and in another instance, and leaves the row as it is',
    run: async (subject) =>
      eachUse(subject, ({ rows }, config, run) => {
        const frozen = rows.map((row) => Object.freeze({ ...row }));
        const first = frozen.map(run);
        const again = subject.step.compile(config);
        assert.deepEqual(frozen.toReversed().map(run).toReversed(), first, 'a second time it makes something else');
        assert.deepEqual(frozen.map(again), first, 'another instance makes something else');
      }),
  },
  {
    id: 'step/synchronous',
    title: 'gives a plain object at once',
    run: async (subject) =>
      eachUse(subject, ({ rows }, _config, run) => {
        for (const row of rows) {
          const made: unknown = run(row);
          assert.ok(typeof made === 'object' && made !== null && !Array.isArray(made), 'it gives no object');
          assert.ok(!('then' in made), 'it gives a promise: steps are synchronous');
        }
      }),
  },
  {
    id: 'step/config',
    title: 'refuses what may not stand behind the verb, and a key that it does not know',
    needs: ['wrong'],
    run: async ({ step, driver }) => {
      for (const wrong of driver.wrong!) {
        assert.equal(step.config.safeParse(wrong).success, false, `${JSON.stringify(wrong)} is taken`);
      }
      for (const { config } of driver.uses) {
        if (typeof config !== 'object' || config === null || Array.isArray(config)) continue;
        const more = { ...config, kit_unknown_key: 1 };
        assert.equal(step.config.safeParse(more).success, false, 'an unknown key is taken: use z.strictObject');
      }
    },
  },
];

function watched(row: StepRow, onRead: (name: string) => void): StepRow {
  return new Proxy(row, {
    get(target, name, receiver) {
      if (typeof name === 'string') onRead(name);
      return Reflect.get(target, name, receiver);
    },
  });
}
