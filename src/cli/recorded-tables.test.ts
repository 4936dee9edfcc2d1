/** Columns known without a server: `check --record` writes them down, `lint` holds the rules against them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cli, projectDir } from '../../test/support/cli.ts';
import type { App } from '../contracts/app.ts';
import type { TableDescription } from '../contracts/schema.ts';
import { createApp } from '../main.ts';

const SHOP = `source:
  type: postgres
  url: postgres://h/d
  tables: [public.products]
transform:
  - drop: [internal_notes]
  - set: { total: price * stok }
sink:
  type: redis
  url: redis://h
  key: p:{id}
  transform:
    - filter: >-
        published and
        name > 5
`;

const column = { native: 'x', nullable: true };
const PRODUCTS: TableDescription = {
  source: 'shop',
  schema: 'public',
  table: 'products',
  columns: [
    { ...column, name: 'id', kind: 'int64', nullable: false, keyOrdinal: 1 },
    { ...column, name: 'name', kind: 'text', native: 'varchar(20)' },
    { ...column, name: 'price', kind: 'decimal' },
    { ...column, name: 'stock', kind: 'int32' },
    { ...column, name: 'published', kind: 'bool' },
    { ...column, name: 'internal_notes', kind: 'text' },
  ],
};

const appOf = async (tables: readonly TableDescription[]): Promise<App> => {
  const app = await createApp();
  return { ...app, check: async () => [], describe: async () => tables };
};

test('lint finds misspelt columns and types that do not fit, at their place in the expression, without a server', async () => {
  const dir = projectDir({ 'pipelines/shop.yaml': SHOP });
  const app = await appOf([PRODUCTS]);
  // Nothing is known of the columns yet.
  expect(await cli(['lint'], { dir, app })).toMatchObject({ code: 0 });
  expect((await cli(['check', '--record'], { dir, app })).code).toBe(0);
  expect(JSON.parse(readFileSync(join(dir, 'tailrace.tables.json'), 'utf8'))).toEqual({ v: 1, tables: [PRODUCTS] });
  const { code, out } = await cli(['lint'], { dir, app });
  expect(out).toBe(`pipelines/shop.yaml:7:27  error  unknown-column  there is no column "stok"
   6 |   - drop: [internal_notes]
 > 7 |   - set: { total: price * stok }
     |                           ^^^^ did you mean "stock"?
pipelines/shop.yaml:15:9  error  type-mismatch  varchar(20) and integer cannot be compared
   14 |         published and
 > 15 |         name > 5
      |         ^^^^^^^^ write cast(… as integer) on the left
2 errors in 1 of 1 file
`);
  expect(code).toBe(2);
  expect((await cli(['lint', '--fix'], { dir, app })).out).toContain('1 error in 1 of 1 file');
  expect(readFileSync(join(dir, 'pipelines/shop.yaml'), 'utf8')).toContain('price * stock }');
});

test('lint: a table that was not recorded is said, and nothing is guessed of it', async () => {
  const dir = projectDir({ 'shop.yaml': SHOP });
  const app = await appOf([{ ...PRODUCTS, table: 'customers' }]);
  await cli(['check', '--record'], { dir, app });
  const { code, out } = await cli(['lint'], { dir, app });
  expect(code).toBe(0);
  expect(out).toContain('shop.yaml:4:12  warning  not-recorded  "public.products" is not in tailrace.tables.json');
  expect(out).toContain('^ tailrace check --record\n');
});

test.each(['{"v":2}', '[]', '{"v":1,"tables":[{"columns":[null]}]}', 'x', '{"v":1,"tables":[{"__proto__":1}]}'])(
  'lint: a record that is none is refused: %s',
  async (text) => {
    const dir = projectDir({ 'shop.yaml': SHOP });
    writeFileSync(join(dir, 'tailrace.tables.json'), text);
    const { code, err } = await cli(['lint'], { dir, app: await createApp() });
    expect([code, err]).toEqual([2, expect.stringContaining('make it anew: tailrace check --record')]);
  },
);
