/** Commands that only read files or words: no instance, no network. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cli, fakeApp, projectDir } from '../../test/support/cli.ts';
import { testRegistry } from '../../test/support/config-registry.ts';

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
