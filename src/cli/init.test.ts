import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cli, fakeApp, projectDir } from '../../test/support/cli.ts';
import { testRegistry } from '../../test/support/config-registry.ts';
import { loadProject } from '../config/index.ts';
import type { CheckResult } from '../contracts/app.ts';

const FINE: CheckResult = { pipeline: 'shop', part: 'source shop', path: [], findings: [], problems: [] };

function app(result: CheckResult = FINE) {
  return fakeApp({ registry: testRegistry, check: async () => [result] });
}

const WORDS = [
  'source.type=postgres',
  'source.url=postgres://shop:canary@h/d',
  'source.tables=public.products, public."odd: name"',
  'sink.type=elasticsearch',
  'sink.url=http://h:9200',
  'sink.index=products',
];

test('init: writes what was given, with the secrets in files of their own', async () => {
  const dir = projectDir({});
  const { code, out, err } = await cli(['init', 'shop', ...WORDS], { dir, app: app() });
  expect([code, out, err]).toEqual([0, 'wrote shop.yaml\n  → tailrace run shop.yaml\n', '']);
  const text = readFileSync(join(dir, 'shop.yaml'), 'utf8');
  expect(text).toBe(`source:
  type: postgres
  url: \${file:secrets/shop-source-url}
  tables: [public.products, "public.\\"odd: name\\""]

sink:
  type: elasticsearch
  url: \${file:secrets/shop-sink-url}
  index: products
`);
  expect(statSync(join(dir, 'secrets/shop-source-url')).mode & 0o777).toBe(0o600);
  expect(readdirSync(dir).sort()).toEqual(['secrets', 'shop.yaml']);
  const { problems, pipelines } = await loadProject({ paths: [dir], cwd: dir, env: {}, registry: testRegistry });
  expect(problems).toEqual([]);
  expect(pipelines[0]!.sources[0]!.config).toMatchObject({ url: 'postgres://shop:canary@h/d' });
  // A second time it is there already.
  expect(await cli(['init', 'shop', ...WORDS], { dir, app: app() })).toMatchObject({ code: 2 });
});

test('init: asks for what is not given', async () => {
  const dir = projectDir({});
  const input = ['postgres', 'postgres://h/d', 'public.t', 'redis', 'redis://h'];
  const { code, err } = await cli(['init'], { dir, app: app(), isTty: true, input });
  expect(code).toBe(0);
  expect(err).toContain('source (postgres)\n> ');
  expect(readFileSync(join(dir, 'pipeline.yaml'), 'utf8')).toContain('tables: [public.t]\n\nsink:\n  type: redis\n');
});

test('init: nothing is written when something is missing or does not work', async () => {
  const dir = projectDir({});
  const finding = {
    level: 'problem' as const,
    message: 'no such host',
    remedy: 'mend it',
    code: 'source.unreachable' as const,
  };
  const broken = await cli(['init', 'shop', ...WORDS], { dir, app: app({ ...FINE, findings: [finding] }) });
  expect(broken).toMatchObject({ code: 3, out: expect.stringContaining('no such host') });
  expect(broken.out).not.toContain('canary');
  for (const words of [
    WORDS.slice(1),
    [...WORDS, 'sink.indx=a'],
    ['two', 'names', ...WORDS],
    ['source.type=postgers'],
  ]) {
    expect((await cli(['init', 'shop', ...words], { dir, app: app() })).code, words.join(' ')).toBe(2);
  }
  expect(readdirSync(dir)).toEqual([]);
});
