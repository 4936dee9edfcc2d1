/** `ts`: columns by a TypeScript file. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { apply, compile, object, PRODUCTS, ROW, rules } from '../../test/support/rules.ts';
import { NOT_SENT } from '../contracts/row.ts';

function codeFile(text: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-ts-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'step.ts');
  writeFileSync(path, text);
  return path;
}

const PRICE = `
export const columns = { price: 'numeric(12,2)', label: 'varchar(6)', data: 'jsonb', at: 'timestamptz', big: 'bigint', none: 'text' };
interface Row { readonly id: bigint; readonly name: string; readonly price: string | null; readonly stock: number }
export default (row: Row) => ({
  price: row.price === null ? null : String(Number(row.price) * 2),
  label: row.name.toUpperCase() + '-' + row.id,
  data: { stock: row.stock, list: [1, null] },
  at: '2024-02-29',
  big: row.id * 2n,
});
`;
const insert = { op: 'insert', version: 1, after: ROW } as const;

test('adds columns and replaces values, in the types that the file declares', () => {
  const { after, table } = apply(PRODUCTS, [{ ts: codeFile(PRICE) }, { drop: ['description'] }], insert);
  expect(object(after)).toEqual({
    id: 7n,
    name: 'Lamp',
    price: '25.00',
    stock: 3,
    published: true,
    label: 'LAMP-7',
    data: '{"list": [1, null], "stock": 3}',
    at: '2024-02-29T00:00:00.000000Z',
    big: 14n,
    none: null,
  });
  expect(table.columns.find(({ name }) => name === 'price')).toMatchObject({ native: 'numeric(12,2)', nullable: true });
});

test('sees the row as the steps before it left it, and cannot change it', () => {
  const seen = codeFile(`
export const columns = { seen: 'jsonb', changed: 'boolean' };
export default (row) => {
  let changed = true;
  try { row.name = 'x'; } catch { changed = false; }
  return { seen: Object.keys(row), changed };
};`);
  const { after } = apply(PRODUCTS, [{ drop: ['price', 'stock'] }, { set: { n: 'id + 1' } }, { ts: seen }], insert);
  expect(object(after)).toMatchObject({ seen: '["id", "name", "published", "description", "n"]', changed: false });
});

test('invariant 9: a file that reads a column that was not sent gives no value; one that does not read it does', () => {
  const update = { op: 'update', version: 1, after: [7n, 'Lamp', '12.50', 3, true, NOT_SENT] } as const;
  const reads = codeFile(
    `export const columns = { n: 'int' }; export default (row) => ({ n: row.description.length });`,
  );
  expect(() => compile(PRODUCTS, { ts: reads }).apply(apply(PRODUCTS, [], update))).toThrow(
    'was not sent by the source',
  );
  const other = codeFile(`export const columns = { n: 'int' }; export default (row) => ({ n: row.stock });`);
  expect(object(apply(PRODUCTS, [{ ts: other }], update).after)).toMatchObject({ n: 3 });
  const whole = { ...update, before: ROW };
  expect(object(apply(PRODUCTS, [{ ts: reads }], whole).after)).toMatchObject({ n: 9 });
});

test.each([
  ['() => { throw new RangeError("canary") }', 'the function threw RangeError'],
  ['() => 7', 'the function gave no object'],
  ['async () => ({})', 'the function is asynchronous'],
  ['() => ({ n: 1.5 })', 'the function gave no value of type integer'],
  ['() => ({ n: 4294967296 })', 'out of range'],
  ['() => ({ n: "many" })', 'the function gave no value of type integer'],
  ['() => ({ n: true })', 'the function gave no value of type integer'],
])('invariant 12: what goes wrong in the function is a refused change without its values: %s', (code, message) => {
  const path = codeFile(`export const columns = { n: 'integer' }; export default ${code};`);
  const run = () => apply(PRODUCTS, [{ ts: path }], insert);
  expect(run).toThrow(message);
  expect(run).not.toThrow('canary');
});

test.each([
  ['export default 7', 'the file has no function as its default export'],
  ['export default () => ({})', 'the file does not export "columns"'],
  ["export const columns = { a: 'txt' }; export default () => ({})", 'its column "a" has no right type'],
  ['export default (', 'the file cannot be loaded: SyntaxError'],
  ["import './nowhere.ts'; export default () => ({})", 'is not there'],
  ["export const columns = { id: 'bigint' }; export default () => ({})", 'rows are identified by "id"'],
])('a wrong file is a problem of the step: %s', (code, message) => {
  const [problem] = rules.lintTables([{ steps: [{ verb: 'ts', config: codeFile(code), path: [0] }], table: PRODUCTS }]);
  expect(problem?.message).toContain(message);
});

test.each([7, 'step.ts', '/tmp/step.sql', { a: 1 }])('a wrong path is a problem of the step: %j', (config) => {
  const [problem] = rules.lint([{ verb: 'ts', config, path: [0] }], { maskKey: null });
  expect(problem).toMatchObject({ code: 'step-argument', path: [0, 'ts'] });
});
