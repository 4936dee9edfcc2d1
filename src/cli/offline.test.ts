/** Commands that only read files or words: no instance, no network. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cli, fakeApp, projectDir } from '../../test/support/cli.ts';
import { testRegistry } from '../../test/support/config-registry.ts';
import type { TableDescription } from '../contracts/schema.ts';

const SHOP = `source:
  type: postgres
  url: \${SHOP_URL}
  tables: [public.products, public.orders]
transform:
  - drop: [a]
sinks:
  search:
    type: elasticsearch
    url: \${ES_URL:-http://h:9200}
    index: \${file:index-name}
    from: products
    transform:
      - drop: [b]
  cache: { type: redis, url: "redis://h:\${PORT}" }
`;

const app = fakeApp({ registry: testRegistry });

test('graph: steps are numbered as tap counts them', async () => {
  const dir = projectDir({ 'shop.yaml': SHOP, 'index-name': 'i\n' });
  const env = { SHOP_URL: 'postgres://h/d', PORT: '6379' };
  const { code, out, err } = await cli(['graph'], { dir, env, app });
  expect(err).toBe('');
  expect(out).toBe(`shop
  shop  postgres  public.products, public.orders
  → search  elasticsearch  from products
    step 1 drop
    step 2 drop
  → cache  redis
    step 1 drop
`);
  expect(code).toBe(0);
  expect((await cli(['graph', '--mermaid'], { dir, env, app })).out).toBe(`flowchart LR
  subgraph p0["shop"]
    p0log[("log")]
    p0s0["shop (postgres)"] --> p0log
    p0log -- "1 drop, 2 drop" --> p0t0["search (elasticsearch)"]
    p0log -- "1 drop" --> p0t1["cache (redis)"]
  end
`);
});

test('invariant 12: secrets says what is used, where and whether it is set, and never a value', async () => {
  const dir = projectDir({ 'shop.yaml': SHOP, 'index-name': 'canary-1\n', 'tailrace.yaml': 'mask_key: ${MASK_KEY}\n' });
  const env = { SHOP_URL: 'postgres://u:canary-2@h/d', MASK_KEY: 'canary-3' };
  const { code, out, err } = await cli(['secrets'], { dir, env, app });
  expect(out).toBe(`✓ set      MASK_KEY  tailrace.yaml:1:11
✓ set      SHOP_URL  shop.yaml:3:8
✓ set      ES_URL  shop.yaml:10:10
✓ set      file index-name  shop.yaml:11:12
✗ missing  PORT  shop.yaml:15:41
5 variables, 1 missing
`);
  const json = await cli(['secrets', '--json'], { dir, env, app });
  expect(JSON.parse(json.out).result).toContainEqual({
    name: 'PORT',
    from: 'environment',
    isMissing: true,
    places: ['shop.yaml:15:41'],
  });
  expect([code, `${out}${err}${json.out}`.includes('canary')]).toEqual([2, false]);
});

/** What bash offers for words of which the last is not finished. */
function completed(script: string, words: readonly string[]): string[] {
  const dir = projectDir({});
  writeFileSync(join(dir, 'completion'), script);
  const run = `source ./completion; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _tailrace; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', run], { cwd: dir, encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  return stdout.split('\n').filter((line) => line !== '');
}

test('completion: the script works in bash', async () => {
  const { out: script } = await cli(['completion', 'bash']);
  expect(completed(script, ['tailrace', 'to'])).toEqual(['top', 'topics']);
  expect(completed(script, ['tailrace', 'topics', 're'])).toEqual(['read']);
  expect(completed(script, ['tailrace', 'topics', 'read', '--fo'])).toEqual(['--follow', '--format']);
  expect(completed(script, ['tailrace', 'lint', '--js'])).toEqual(['--json']);
  for (const shell of ['zsh', 'fish']) {
    const other = await cli(['completion', shell]);
    expect([other.code, other.out]).toEqual([0, expect.stringContaining('tailrace')]);
  }
  expect(await cli(['completion', 'bsh'])).toMatchObject({ code: 2, err: expect.stringContaining('"bash"') });
});

test('lint --fix: misspelt words and missing quotes are mended, and nothing else is touched', async () => {
  const dir = projectDir({
    'shop.yaml': `# the shop
source:
  type: postgers   # the database
  url: postgres://h/d
  tabels: [public.products]
sink:
  type: redis
  url: redis://h
  key: {id}-product
  tll: 5
`,
  });
  const { code, out } = await cli(['lint', '--fix'], { dir, app });
  expect(readFileSync(join(dir, 'shop.yaml'), 'utf8')).toBe(`# the shop
source:
  type: postgres   # the database
  url: postgres://h/d
  tables: [public.products]
sink:
  type: redis
  url: redis://h
  key: "{id}-product"
  tll: 5
`);
  expect(out).toContain('shop.yaml:10:3  error  unknown-key');
  expect(code).toBe(2);
  const json = JSON.parse((await cli(['lint', '--fix', '--json'], { dir, app })).out);
  expect(json.summary).toBe('fixed 0 problems; 1 error in 1 of 1 file');
});

test('schema: what editors complete, and where a file names it', async () => {
  const dir = projectDir({});
  const { out } = await cli(['schema'], { app });
  const schema = JSON.parse(out);
  expect(schema.properties.name.description).toContain('Name of the pipeline');
  expect(schema.$defs.source.properties.type.enum).toEqual(['postgres']);
  const redis = schema.$defs.sink.allOf.find(
    (one: { if: { properties: { type: { const: string } } } }) => one.if.properties.type.const === 'redis',
  );
  expect(redis.then.required).toContain('url');
  expect(Object.keys(redis.then.properties)).toEqual(
    expect.arrayContaining(['type', 'from', 'transform', 'url', 'key']),
  );
  expect(schema.$defs.steps.items.properties).toEqual({ drop: true });
  expect(await cli(['schema', '--write'], { dir, app })).toMatchObject({
    code: 0,
    out: 'wrote .tailrace/schema.json\n',
  });
  expect(readFileSync(join(dir, '.tailrace/schema.json'), 'utf8')).toBe(out);
});

test('types: TypeScript that compiles, whatever the names', async () => {
  const column = { native: 'x', nullable: false };
  const tables: TableDescription[] = [
    {
      source: 'shop',
      schema: 'public',
      table: 'order_items',
      columns: [
        { ...column, name: 'id', kind: 'int64', keyOrdinal: 1 },
        { ...column, name: 'weird "name"', kind: 'text', nullable: true, native: 'text */ evil' },
        { ...column, name: 'state', kind: 'enum', enum: ['new', "it's"] },
        { ...column, name: 'tags', kind: 'array', element: 'int32' },
      ],
    },
    { source: 'shop', schema: 'a', table: '1', columns: [] },
    { source: 'shop', schema: 'b', table: '1', columns: [] },
  ];
  const dir = projectDir({ 'shop.yaml': SHOP, 'index-name': 'i\n' });
  const env = { SHOP_URL: 'postgres://h/d', PORT: '6379' };
  const describing = fakeApp({ registry: testRegistry, describe: async () => tables });
  const { code, out, err } = await cli(['types'], { dir, env, app: describing });
  expect([code, err]).toEqual([0, '']);
  expect(out).toContain('  readonly "weird \\"name\\"": string | null;\n');
  expect(out).toContain('  readonly state: "new" | "it\'s";\n');
  expect(out).toContain('  readonly tags: readonly (number | null)[];\n');
  expect(out).toContain('  /** text * / evil */\n');
  expect(out.match(/export interface (\w+)/g)).toEqual([
    'export interface OrderItems',
    'export interface ShopA1',
    'export interface ShopB1',
    'export interface Tables',
  ]);
  // It is TypeScript: its types can be taken away.
  expect(stripTypeScriptTypes(out).replaceAll(/\s|\/\*.*?\*\/|\/\/.*/g, '')).toBe('');
});

test('commands that ask no server do not load HTTP, which takes longer than they do', () => {
  const dir = projectDir({ 'shop.yaml': SHOP, 'index-name': 'i\n' });
  const main = new URL('../main.ts', import.meta.url).href;
  const script = `
    const { main, createApp } = await import(${JSON.stringify(main)});
    for (const name of ['lint', 'test', 'graph', 'schema', 'secrets']) await main([name, ${JSON.stringify(dir)}], createApp);
    console.log('loaded:' + process.moduleLoadList.filter((name) => /undici|NativeModule https?$/.test(name)));`;
  const env = { ...process.env, SHOP_URL: 'postgres://h/d', PORT: '6379' };
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { env, encoding: 'utf8' });
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('loaded:');
});
