/** `tests:` of a pipeline file. Their keys and types are checked by the schema. */
import type { z } from 'zod';
import type { ExpectedChange, GivenChange, RuleTest, TestRow } from '../contracts/rule-tests.ts';
import type { ConfigFile } from './config-file.ts';
import type { pipelineKeys } from './pipeline-keys.ts';
import { nodeAt, type Path, type TreeNode } from './tree.ts';

type TestConfig = NonNullable<z.infer<typeof pipelineKeys>['tests']>[number];

const OPS = ['insert', 'update', 'delete', 'snapshot'] as const;
const KINDS = ['upsert', 'row', 'delete', 'refused'] as const;

/** What is wrong with them is reported to the file. */
export function readTests(file: ConfigFile, configs: readonly TestConfig[]): readonly RuleTest[] {
  return configs.map(({ name, columns, key, given, expect }, i) => {
    const path = ['tests', i];
    return {
      ...{ name, path },
      columns: withNumbers(file, columns, given, [...path, 'given']),
      key: typeof key === 'string' ? [key] : key,
      given: given.flatMap((change, at) => givenChange(file, change, [...path, 'given', at]) ?? []),
      expect: new Map(
        Object.entries(expect).map(([sink, list]) => [
          sink,
          list.flatMap((one, at) => expectedChange(file, one, [...path, 'expect', sink, at]) ?? []),
        ]),
      ),
    };
  });
}

/** YAML gives `1.50` as text, because its digits count: a column that is written so without quotes is a number. */
function withNumbers(
  { root }: ConfigFile,
  columns: RuleTest['columns'],
  given: TestConfig['given'],
  path: Path,
): RuleTest['columns'] {
  const types = new Map(Object.entries(columns).map(([table, own]) => [bare(table), new Map(Object.entries(own))]));
  for (const [i, change] of given.entries()) {
    const op = OPS.find((one) => change[one] !== undefined);
    if (op === undefined || root === null) continue;
    const table = bare(change[op]!);
    const own = types.get(table) ?? new Map<string, string>();
    types.set(table, own);
    for (const side of ['before', 'after']) {
      const row = nodeAt(root, [...path, i, side]);
      if (row?.kind !== 'map') continue;
      for (const { key, value } of row.entries) if (isExact(value) && !own.has(key)) own.set(key, 'numeric');
    }
  }
  return Object.fromEntries([...types].map(([table, own]) => [table, Object.fromEntries(own)]));
}

const bare = (table: string) => table.slice(table.indexOf('.') + 1);

function isExact(node: TreeNode): boolean {
  if (node.kind !== 'scalar' || node.style !== 'plain' || typeof node.value !== 'string') return false;
  return /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(node.text);
}

function givenChange(file: ConfigFile, change: TestConfig['given'][number], path: Path): GivenChange | null {
  const wrong = (message: string, fix: string) => {
    file.report({ level: 'error', code: 'test-shape', message, path, fix });
    return null;
  };
  const [op, ...more] = OPS.filter((one) => change[one] !== undefined);
  if (op === undefined || more.length > 0) {
    return wrong('a change of a test is one of insert, update, delete and snapshot', 'write insert: and the table');
  }
  const needed = op === 'delete' ? 'before' : 'after';
  const { before = null, after = null } = change;
  if (change[needed] === undefined) return wrong(`${op} needs "${needed}"`, `write ${needed}: { column: value }`);
  if (op === 'delete' && after !== null) return wrong('a delete has no "after"', 'remove it');
  if (op !== 'update' && op !== 'delete' && before !== null) return wrong(`${op} has no "before"`, 'remove it');
  return { op, table: change[op]!, before: before as TestRow | null, after: after as TestRow | null, path };
}

function expectedChange(
  file: ConfigFile,
  change: TestConfig['expect'][string][number],
  path: Path,
): ExpectedChange | null {
  const [kind, ...more] = KINDS.filter((one) => change[one] !== undefined);
  const { table } = change;
  if (kind !== undefined && more.length === 0)
    return { kind, value: change[kind], ...(table === undefined ? {} : { table }), path };
  const fix = 'for example upsert: { id: 7 } or delete: 7';
  const message = `what is expected is one of ${KINDS.join(', ')}`;
  file.report({ level: 'error', code: 'test-shape', message, path, fix });
  return null;
}
