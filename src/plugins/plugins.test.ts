/** Plugins as a project names them, through the command line in a process of its own. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { Project } from '../../test/support/project.ts';
import { checkApi, findPlugin } from './find-plugin.ts';
import { pluginProblem } from './plugin-shape.ts';

const PIPELINE = `name: p
source: { type: numbers, tables: [public.t] }
transform:
  - shout: { column: name }
sink: { type: mine, url: x }
`;

const plugin = (parts: string) =>
  `import { definePlugin, defineSink, defineSource, defineStep, TailraceError, z } from 'tailrace/sdk';
const fails = async () => { throw new TailraceError('sink.not_ready', 'not today', { remedy: 'tomorrow' }); };
export default definePlugin({ api: 1, ${parts} });
`;
const SINK = `sink: defineSink({ type: 'mine', summary: 'x', config: z.strictObject({ url: z.string() }), accepts: ['insert'],
  keeps: 'append', check: fails, open: fails })`;
const SOURCE = `source: defineSource({ type: 'numbers', summary: 'x', config: z.strictObject({}), emits: ['insert'],
  check: async () => [{ level: 'ok', message: 'counts' }], describe: async () => [], open: fails, teardown: async () => {} })`;
const STEPS = `steps: [defineStep({ verb: 'shout', summary: 's', example: 'shout: { column: name }',
  config: z.strictObject({ column: z.string() }), reads: ({ column }) => [column], columns: ({ column }) => ({ [column]: 'text' }),
  compile: ({ column }) => (row) => ({ [column]: String(row[column]).toUpperCase() }) })]`;

async function project(plugins: readonly string[], files: Readonly<Record<string, string>>, pipeline = PIPELINE) {
  const made = await Project.make(pipeline, {}, `plugins: ${JSON.stringify(plugins)}\n`);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(made.dir, name)), { recursive: true });
    writeFileSync(join(made.dir, name), text);
  }
  return made;
}

interface Found {
  readonly code: string;
  readonly message: string;
  readonly line: number;
}

async function problems(made: Project): Promise<readonly Found[]> {
  const { stdout } = await made.run(['lint', '--json']);
  return (JSON.parse(stdout) as { result: { problems: Found[] } }).result.problems;
}

test('a source, a sink and a step from a local TypeScript file and from a package', async () => {
  const guide = readFileSync(new URL('../../docs/plugins.md', import.meta.url), 'utf8');
  const [shown = ''] = /(?<=```ts\n)[\s\S]*?(?=```)/.exec(guide) ?? [];
  const made = await project(['./plugins/parts.ts', 'tailrace-plugin-shout'], {
    'plugins/parts.ts': plugin(`${SINK}, ${SOURCE}`),
    'node_modules/tailrace-plugin-shout/package.json': JSON.stringify({
      name: 'tailrace-plugin-shout',
      type: 'module',
      exports: './index.js',
      tailrace: { api: 1 },
    }),
    // As docs/plugins.md shows it.
    'node_modules/tailrace-plugin-shout/index.js': shown,
  });
  expect(await problems(made)).toEqual([]);
  // Its error is known as one of the product's: both have one copy of the SDK.
  const checked = await made.run(['check']);
  expect([checked.code, checked.stdout]).toEqual([4, expect.stringMatching(/counts[\s\S]*not today[\s\S]*tomorrow/)]);
  const wrong = await project(
    ['./a.ts'],
    { 'a.ts': plugin(`${SINK}, ${SOURCE}, ${STEPS}`) },
    PIPELINE.replace('column: name', 'colum: name').replace('url: x', 'ur: x'),
  );
  expect((await problems(wrong)).map(({ code, line }) => [code, line])).toEqual([
    ['step-argument', 4],
    ['step-argument', 4],
    ['unknown-key', 5],
  ]);
});

test('what cannot be loaded is told at its place, and the rest is loaded', async () => {
  const inModules = (text: string, api = 1) => ({
    text,
    json: JSON.stringify({ exports: './index.ts', tailrace: { api } }),
  });
  const typed = inModules(plugin(STEPS));
  const future = inModules('throw new Error("must not run");', 9);
  const made = await project(
    [
      './absent.ts',
      'absent',
      './throws.ts',
      './syntax.ts',
      './empty.ts',
      './old.ts',
      './builtin.ts',
      'typed',
      'future',
      './good.ts',
      './twice.ts',
    ],
    {
      'throws.ts': `const secret = 'canary';\nthrow new Error(secret);\n`,
      'syntax.ts': 'export enum E { A }\n',
      'empty.ts': 'export default {};\n',
      'old.ts': plugin(SINK).replace('api: 1', 'api: 0'),
      'builtin.ts': plugin(SINK.replace("'mine'", "'file'")),
      'node_modules/typed/package.json': typed.json,
      'node_modules/typed/index.ts': typed.text,
      'node_modules/future/package.json': future.json,
      'node_modules/future/index.ts': future.text,
      'good.ts': plugin(`${SINK}, ${SOURCE}, ${STEPS}`),
      'twice.ts': plugin(SINK),
    },
  );
  const found = await problems(made);
  expect(found.map(({ code, message }) => [code, message.replaceAll(made.dir, 'DIR')])).toEqual([
    ['plugin-not-found', 'there is no file DIR/absent.ts'],
    ['plugin-not-found', 'there is no package "absent" in DIR'],
    ['plugin-failed', 'plugin "./throws.ts" threw Error while it was loaded (DIR/throws.ts:2)'],
    ['plugin-failed', expect.stringContaining('plugin "./syntax.ts" cannot be read')],
    ['plugin-invalid', 'plugin "./empty.ts": it has neither a source nor a sink nor steps'],
    ['plugin-api', 'plugin "./old.ts" is written for plugin API 0; this Tailrace has 1'],
    ['plugin-clash', 'plugin "./builtin.ts" brings a sink "file", which is built in'],
    ['plugin-failed', 'plugin "typed" is TypeScript in node_modules'],
    ['plugin-api', 'plugin "future" is written for plugin API 9; this Tailrace has 1'],
    ['plugin-clash', 'plugin "./twice.ts" brings a sink "mine", which plugin "./good.ts" brings'],
  ]);
  expect(JSON.stringify(found)).not.toContain('canary');
});

test('every part of a manifest is looked at', () => {
  const config = { safeParse: () => {}, def: { type: 'object', catchall: { def: { type: 'never' } } } };
  const call = () => {};
  const sink = { type: 'a', summary: 's', config, accepts: ['insert'], keeps: 'append', check: call, open: call };
  const step = { verb: 'a', summary: 's', example: 'a: 1', config, columns: call, compile: call };
  expect(pluginProblem({ sink, steps: [step] })).toBeNull();
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /no plugin/],
    [{ sink: 1 }, /sink is no manifest/],
    [{ sink: { ...sink, type: 'A b' } }, /sink\.type/],
    [{ sink: { ...sink, summary: '' } }, /sink\.summary/],
    [{ sink: { ...sink, config: {} } }, /sink\.config is no schema/],
    [{ sink: { ...sink, config: { ...config, def: { type: 'object' } } } }, /strictObject/],
    [{ sink: { ...sink, open: 1 } }, /sink\.open/],
    [{ sink: { ...sink, accepts: [] } }, /sink\.accepts/],
    [{ sink: { ...sink, keeps: 'all' } }, /sink\.keeps/],
    [{ source: sink }, /source\.describe/],
    [{ steps: 1 }, /steps/],
    [{ steps: [{ ...step, verb: 'A' }] }, /steps\[0\]\.verb/],
    [{ steps: [{ ...step, example: 'b: 1' }] }, /steps\[0\]\.example/],
    [{ steps: [{ ...step, columns: 1 }] }, /steps\[0\]\.columns/],
    [{ steps: [{ ...step, compile: 1 }] }, /steps\[0\]\.compile/],
  ];
  for (const [given, words] of wrong) expect(pluginProblem(given)).toMatch(words);
  expect(() => checkApi('x', 2)).toThrow(
    expect.objectContaining({ remedy: expect.stringContaining('upgrade Tailrace') }),
  );
  expect(() => findPlugin('./none', '/')).toThrow(expect.objectContaining({ code: 'plugin.not_found' }));
});
