/** The types of `tailrace types` are what a `ts` step gets: held against the TypeScript compiler, and against values at work. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { projectDir } from '../../test/support/cli.ts';
import { apply, object } from '../../test/support/rules.ts';
import type { TableDescription, TableSchema } from '../contracts/schema.ts';
import { typesText } from './typescript-types.ts';

const TSC = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));
const column = { native: 'x', nullable: false };
const EVERYTHING: TableDescription = {
  source: 'shop',
  schema: 'public',
  table: 'everything',
  columns: [
    { ...column, name: 'id', kind: 'int64', native: 'bigint', keyOrdinal: 1 },
    { ...column, name: 'stock', kind: 'int32', native: 'integer' },
    { ...column, name: 'ratio', kind: 'float64', native: 'double precision' },
    { ...column, name: 'price', kind: 'decimal', native: 'numeric(10,2)', nullable: true },
    { ...column, name: 'live', kind: 'bool', native: 'boolean' },
    { ...column, name: 'raw', kind: 'bytes', native: 'bytea' },
    { ...column, name: 'state', kind: 'enum', enum: ['new', 'sold'], native: 'state' },
    { ...column, name: 'tags', kind: 'array', element: 'text', native: 'text[]' },
    { ...column, name: 'data', kind: 'json', native: 'jsonb' },
    { ...column, name: 'made', kind: 'timestamptz', native: 'timestamptz' },
    { ...column, name: "it's odd", kind: 'text', native: 'text' },
  ],
};
const VALUES = [
  7n,
  3,
  0.5,
  null,
  true,
  Buffer.from('ab'),
  'new',
  ['a', null],
  '{"a":1}',
  '2024-02-29T12:00:00.000000Z',
  'x',
] as const;

/** A step that uses each column as its type, and says what it got. */
const STEP = `import type { Tables } from './tables.ts';
export const columns = { seen: 'jsonb', total: 'bigint' };
type Row = Tables['public.everything'];
export default (row: Row) => {
  const used: readonly [bigint, number, string | null, boolean, Uint8Array, 'new' | 'sold', readonly (string | null)[], string] =
    [row.id, row.stock + row.ratio, row.price, row.live, row.raw, row.state, row.tags, row.data + row.made + row["it's odd"]];
  return { seen: used.map((one) => typeof one), total: row.id * 2n };
};
`;

/** Errors of both files, a line each. */
function compiled(dir: string): string[] {
  const options = ['--noEmit', '--strict', '--target', 'esnext', '--module', 'nodenext', '--types', ''];
  const args = [TSC, ...options, '--allowImportingTsExtensions', '--erasableSyntaxOnly', 'step.ts', 'wrong.ts'];
  const { stdout } = spawnSync(process.execPath, args, { cwd: dir, encoding: 'utf8' });
  return stdout.trimEnd().split('\n');
}

test('a step compiles with the types of its table, a wrong one does not, and values are of these types', () => {
  const wrong = STEP.replace('row.live', 'row.life').replace('row.id * 2n', 'row.price * 2');
  const files = { 'package.json': '{"type":"module"}', 'tables.ts': typesText([EVERYTHING]) };
  const dir = projectDir({ ...files, 'step.ts': STEP, 'wrong.ts': wrong });
  expect(compiled(dir).map((line) => line.replace(/,\d+\)/, ')'))).toEqual([
    "wrong.ts(6): error TS2339: Property 'life' does not exist on type 'Everything'.",
    expect.stringMatching(/^wrong.ts\(7\): error TS2362: The left-hand side of an arithmetic operation must be /),
    "wrong.ts(7): error TS18047: 'row.price' is possibly 'null'.",
  ]);
  const schema: TableSchema = { ...EVERYTHING, id: 'e' };
  const { after } = apply(schema, [{ ts: join(dir, 'step.ts') }], { op: 'insert', version: 1, after: [...VALUES] });
  expect(object(after)).toMatchObject({
    seen: '["bigint", "number", "object", "boolean", "object", "string", "object", "string"]',
    total: 14n,
  });
});
