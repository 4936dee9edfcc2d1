import { describe, expect, test } from 'vitest';
import { type Cell, change, column, table } from '../../test/support/changes.ts';
import fc from '../../test/support/fast-check.ts';
import { testSeed } from '../../test/support/seed.ts';
import { byJson, TableModel } from '../../test/support/table-model.ts';
import { type Change, NOT_SENT } from '../contracts/row.ts';
import type { RowTransform, StepSource } from '../contracts/rules.ts';
import type { TableSchema } from '../contracts/schema.ts';
import { createRules } from './index.ts';

const rules = createRules();
const ORDERS = table('orders', [
  column('id', 'int32', 'integer', { key: 1 }),
  column('items', 'json', 'jsonb'),
  column('note', 'text', 'text', { unsent: { aboveBytes: 2_000, aboveRowBytes: -1 } }),
]);
const TAGS = table('tags', [
  column('id', 'int32', 'integer', { key: 1 }),
  column('items', 'array', 'text[]', { element: 'text' }),
]);

function steps(...given: readonly Record<string, unknown>[]): StepSource[] {
  return given.map((step, i) => ({
    verb: Object.keys(step)[0]!,
    config: Object.values(step)[0],
    path: ['source', 'transform', i],
  }));
}

const SPLIT = { split: { items: { as: 'item', position: 'line' } } };
const compiled = (of: TableSchema, ...given: readonly Record<string, unknown>[]): RowTransform =>
  rules.compile(steps(...given), of, { maskKey: 'k' });

/** Key, and columns of what is sent; `-` before a delete. */
function told({ op, key, before, after }: Change): string {
  const row = after ?? before!;
  return `${op} ${key} ${JSON.stringify(row.toObject())}`;
}

describe('split', () => {
  test('a row becomes one for each element, with its place in the key', () => {
    const split = compiled(ORDERS, SPLIT);
    expect(split.output.columns.map(({ name, kind, keyOrdinal }) => [name, kind, keyOrdinal])).toEqual([
      ['id', 'int32', 1],
      ['item', 'json', undefined],
      ['line', 'int32', 2],
      ['note', 'text', undefined],
    ]);
    const made = split.apply(change(ORDERS, { op: 'insert', version: 1, after: [7, '[{"n": 1.50}, "x"]', 'a'] }));
    expect(made.map(told)).toEqual([
      'insert {"id":7,"line":1} {"id":7,"item":"{\\"n\\": 1.50}","line":1,"note":"a"}',
      'insert {"id":7,"line":2} {"id":7,"item":"\\"x\\"","line":2,"note":"a"}',
    ]);
    const bytes = made[0]!.after!.columns.map((_, i) => String(Buffer.from(made[0]!.after!.bytes(i)!)));
    expect(bytes).toEqual(['7', '"{\\"n\\": 1.50}"', '1', '"a"']);
  });

  test('an update writes the elements there are and deletes the others, a delete deletes all', () => {
    const split = compiled(ORDERS, SPLIT);
    const fewer = { op: 'update', version: 2, before: [7, '[1,2,3]', 'a'], after: [7, '[1]', 'b'] } as const;
    expect(split.apply(change(ORDERS, fewer)).map(({ op, key }) => [op, key])).toEqual([
      ['update', '{"id":7,"line":1}'],
      ['delete', '{"id":7,"line":2}'],
      ['delete', '{"id":7,"line":3}'],
    ]);
    const more = { op: 'update', version: 2, before: [7, null, 'a'], after: [7, '[1]', 'b'] } as const;
    expect(split.apply(change(ORDERS, more)).map(({ op }) => op)).toEqual(['insert']);
    const gone = { op: 'delete', version: 3, before: [7, '[1,2]', 'b'] } as const;
    expect(split.apply(change(ORDERS, gone)).map(({ op, key }) => [op, key])).toEqual([
      ['delete', '{"id":7,"line":1}'],
      ['delete', '{"id":7,"line":2}'],
    ]);
  });

  test.each([
    [null, 0],
    ['null', 0],
    ['[]', 0],
    ['{"a": [1, 2]}', 1],
    ['[[1, 2], null]', 2],
  ])('%s makes %i rows', (items, rows) => {
    const made = compiled(ORDERS, SPLIT).apply(change(ORDERS, { op: 'snapshot', version: 1, after: [7, items, 'a'] }));
    expect(made.map(({ op }) => op)).toEqual(new Array(rows).fill('snapshot'));
  });

  test('arrays are taken apart as unnest does: whatever their dimensions, NULL being an element', () => {
    const made = compiled(TAGS, { split: { items: null } }).apply(
      change(TAGS, {
        op: 'insert',
        version: 1,
        after: [
          7,
          [
            ['a', null],
            ['"', 'd'],
          ],
        ],
      }),
    );
    expect(made.map(({ after }) => String(Buffer.from(after!.bytes(1)!)))).toEqual(['"a"', 'null', '"\\""', '"d"']);
    expect(made.map(({ after }) => after!.get(1))).toEqual(['a', null, '"', 'd']);
    expect(made.at(-1)!.key).toBe('{"id":7,"position":4}');
  });

  test('markers pass, a table without the column too', () => {
    expect(compiled(ORDERS, SPLIT).apply(change(ORDERS, { op: 'truncate', version: 1 }))).toMatchObject([
      { op: 'truncate' },
    ]);
    const row = change(TAGS, { op: 'insert', version: 1, after: [7, ['a']] });
    expect(compiled(TAGS, { split: { lines: null } }).apply(row)).toEqual([row]);
  });

  const UNKNOWN: readonly (readonly [string, Parameters<typeof change>[1]])[] = [
    ['a delete that says the key only', { op: 'delete', version: 1, before: [7] }],
    ['a delete that says nothing', { op: 'delete', version: 1 }],
    ['an update without old row', { op: 'update', version: 1, after: [7, '[1]', 'a'] }],
    ['an update without old array', { op: 'update', version: 1, before: [7], after: [7, '[1]', 'a'] }],
    ['an insert without array', { op: 'insert', version: 1, after: [7, NOT_SENT, 'a'] }],
    [
      'a new element of a row that is not whole',
      { op: 'update', version: 1, before: [7, '[]', NOT_SENT], after: [7, '[1]', NOT_SENT] },
    ],
  ];
  test.each(UNKNOWN)('invariant 9: %s is refused, no element is left behind', (_, init) => {
    const split = compiled(ORDERS, SPLIT);
    expect(() => split.apply(change(ORDERS, init))).toThrow(expect.objectContaining({ code: 'rule.failed' }));
  });

  test('what an update leaves out is what the old row has', () => {
    const init = { op: 'update', version: 2, before: [7, '[1]', 'long'], after: [7, NOT_SENT, NOT_SENT] } as const;
    const [made] = compiled(ORDERS, SPLIT).apply(change(ORDERS, init));
    expect(made!.after!.toObject()).toEqual({ id: 7, item: '1', line: 1, note: 'long' });
  });
});

describe('what lint says of split', () => {
  const problems = (of: TableSchema, given: readonly StepSource[]) => [
    ...rules.lint(given, { maskKey: 'k' }),
    ...rules.lintTable(given, of),
  ];
  const atSink = (): StepSource[] => steps(SPLIT).map((step) => ({ ...step, path: ['sink', 'transform', 0] }));

  test.each<readonly [string, readonly StepSource[], string]>([
    ['behind the log', atSink(), 'step-place'],
    ['below a filter', steps({ filter: 'id > 1' }, SPLIT), 'step-place'],
    ['no map', steps({ split: 'items' }), 'step-argument'],
    ['two columns', steps({ split: { items: null, note: null } }), 'step-argument'],
    ['an unknown key', steps({ split: { items: { ass: 'item' } } }), 'unknown-key'],
    ['an empty name', steps({ split: { items: { as: '' } } }), 'step-argument'],
    ['text', steps({ split: { note: null } }), 'type-mismatch'],
    ['the key', steps({ split: { id: null } }), 'key-column'],
    ['a name that there is', steps({ split: { items: { as: 'note' } } }), 'duplicate-column'],
    ['one name twice', steps({ split: { items: { as: 'x', position: 'x' } } }), 'duplicate-column'],
    ['the array afterwards', steps(SPLIT, { filter: 'items is null' }), 'unknown-column'],
  ])('%s', (_, given, code) => {
    expect(problems(ORDERS, given).map((problem) => problem.code)).toContain(code);
  });

  test('invariant 9: an array that changes may come without', () => {
    const items = column('items', 'json', 'jsonb', { unsent: { aboveBytes: 2_000, aboveRowBytes: -1 } });
    const partial = table('orders', [ORDERS.columns[0]!, items]);
    expect(problems(partial, steps(SPLIT)).map(({ code, path }) => [code, path])).toEqual([
      ['unsent-column', ['source', 'transform', 0, 'split', 'items']],
    ]);
    // Also with a table whose rows began to come so while it is read.
    expect(() => compiled(partial, SPLIT)).toThrow(expect.objectContaining({ code: 'config.invalid' }));
  });

  test('steps below see the elements', () => {
    expect(
      problems(ORDERS, steps(SPLIT, { filter: "line < 3 and item ->> 'sku' is not null" }, { drop: ['note'] })),
    ).toEqual([]);
  });
});

const row = fc.record({
  id: fc.constantFrom(1, 2),
  items: fc.option(fc.array(fc.nat(5), { maxLength: 4 }), { nil: null }),
  note: fc.constantFrom('a', 'b'),
  isDelete: fc.boolean(),
});

test('after any history the target holds the elements of the rows that there are, each version told twice or not', () => {
  const split = compiled(ORDERS, SPLIT, { filter: "item #>> '{}' <> '3'" });
  let held = 0;
  fc.assert(
    fc.property(fc.array(row, { maxLength: 12 }), fc.nat(12), (history, again) => {
      const source = new Map<number, readonly [number, string | null, string]>();
      const model = new TableModel(split.output);
      const changes: Change[] = [];
      for (const [i, { id, items, note, isDelete }] of history.entries()) {
        const old = source.get(id);
        const before = old === undefined ? {} : { before: old as readonly Cell[] };
        if (isDelete && old === undefined) continue;
        const now = [id, items === null ? null : JSON.stringify(items), note] as const;
        const op = isDelete ? 'delete' : old === undefined ? 'insert' : 'update';
        changes.push(change(ORDERS, { op, version: i + 1, ...before, ...(!isDelete && { after: now }) }));
        if (isDelete) source.delete(id);
        else source.set(id, now);
      }
      // A restart tells the end of the history once more.
      for (const one of [...changes, ...changes.slice(-again)]) for (const made of split.apply(one)) model.apply(made);
      const expected = [...source.values()].flatMap(([id, items, note]) =>
        (JSON.parse(items ?? '[]') as number[]).flatMap((item, i) =>
          item === 3 ? [] : [[String(id), String(item), String(i + 1), note]],
        ),
      );
      held += expected.length;
      expect(model.rows()).toEqual(expected.sort(byJson));
    }),
    { seed: testSeed, numRuns: 500 },
  );
  expect(held).toBeGreaterThan(200);
});
