import { describe, expect, test } from 'vitest';
import { type Cell, column, table } from '../../test/support/changes.ts';
import {
  apply,
  compile,
  object,
  PRODUCTS,
  ROW,
  rules,
  type StepConfig,
  steps,
  texts,
} from '../../test/support/rules.ts';
import { NOT_SENT } from '../contracts/row.ts';

const [id, name, price, stock, published] = ROW as [bigint, string, string, number, boolean];

describe('columns that were not sent', () => {
  const update = (configs: readonly StepConfig[], after: readonly Cell[], before?: readonly Cell[]) =>
    apply(PRODUCTS, configs, { op: 'update', version: 2, after, ...(before && { before }) });
  const unsent: readonly Cell[] = [id, name, price, stock, published, NOT_SENT];

  test('invariant 9: they stay not sent through every step, and never become NULL', () => {
    const configs = [{ rename: { description: 'd' } }, { mask: { d: 'hash' } }, { cast: { d: 'varchar' } }];
    for (const upTo of [1, 2, 3]) {
      const { after } = update(configs.slice(0, upTo), unsent);
      expect(texts(after)).not.toHaveProperty('d');
      expect(object(after)).not.toHaveProperty('d');
      expect(after!.get(5)).toBe(NOT_SENT);
    }
  });

  test('what is computed from them alone stays not sent', () => {
    const { after } = update([{ set: { size: 'length(description)', description: 'lower(description)' } }], unsent);
    expect(Object.keys(texts(after))).toEqual(['id', 'name', 'price', 'stock', 'published']);
  });

  test('with other columns too, when these did not change either; else it is not known', () => {
    const set = [{ set: { both: "name || ': ' || description" } }];
    const { after } = update(set, unsent, [id, name, '1.00', 9, true]);
    expect(texts(after)).not.toHaveProperty('both');
    const failed = expect.objectContaining({
      code: 'rule.failed',
      message: expect.stringContaining('set of "both" at transform[0]: column "description" was not sent'),
      remedy: expect.any(String),
    });
    expect(() => update(set, unsent, [id, 'Other', '1.00'])).toThrow(failed);
    expect(() => update(set, unsent, [id])).toThrow(failed);
    expect(() => update(set, unsent)).toThrow(failed);
    expect(() => update([{ set: { x: 'description || $op' } }], unsent, ROW.slice(0, 5))).toThrow(/not sent/);
  });

  test('the old row has their value, for they did not change', () => {
    const { after } = update(
      [{ set: { both: "name || ': ' || description" } }, { filter: "description like 'long%'" }],
      unsent,
      ROW,
    );
    expect(texts(after)).toMatchObject({ both: '"Lamp: long text"', description: '"long text"' });
  });

  test('a condition is known when the other part decides it, else the change is refused', () => {
    const filter = [{ filter: "stock > 5 and description = 'x'" }];
    expect(update(filter, unsent).op).toBe('delete');
    expect(update([{ filter: "stock > 0 or description = 'x'" }, { drop: ['description'] }], unsent).op).toBe('update');
    const failed = expect.objectContaining({
      code: 'rule.failed',
      message: expect.stringMatching(/^filter at transform\[0\]: column "description" was not sent/),
    });
    expect(() => update([{ filter: "stock > 0 and description = 'x'" }], unsent)).toThrow(failed);
    expect(() => update([{ filter: 'description is null' }], unsent)).toThrow(failed);
    expect(() => update([{ filter: "coalesce(description, 'x') = 'x'" }], unsent)).toThrow(failed);
    expect(() => update([{ filter: "concat(description) != 'x'" }], unsent)).toThrow(failed);
  });

  test('invariant 9: a row that may be new to the target must have all its columns', () => {
    const filter = { filter: 'published' };
    const failed = expect.objectContaining({
      code: 'rule.failed',
      message: expect.stringContaining('column "description"'),
    });
    expect(() => update([filter], unsent)).toThrow(failed);
    expect(() => update([filter], unsent, [id, name, price, stock, false])).toThrow(failed);
    expect(() => update([filter, { mask: { description: 'hash' } }], unsent)).toThrow(failed);
    // It matched before, so it is there.
    expect(texts(update([filter], unsent, ROW.slice(0, 5)).after)).not.toHaveProperty('description');
    // Nobody wants the column.
    expect(update([filter, { drop: ['description'] }], unsent).op).toBe('update');
    // The old row has it.
    const whole = update([filter], unsent, [id, name, price, stock, false, 'long text']);
    expect(texts(whole.after)).toMatchObject({ description: '"long text"' });
    expect(update([], unsent).op).toBe('update');
  });

  test('a delete and a refused row do not need them', () => {
    const configs = [{ set: { size: 'length(description) + stock' } }, { filter: 'stock > 100' }];
    expect(() => update(configs, unsent)).toThrow(/not sent/);
    expect(apply(PRODUCTS, configs, { op: 'delete', version: 1, before: [7n] })).toMatchObject({
      op: 'delete',
      key: '{"id":7}',
    });
  });
});

test('rules over columns that may be not sent are errors, unless these are filled in', () => {
  const unsent = { aboveBytes: 22, aboveRowBytes: 1_000 };
  const columns = PRODUCTS.columns.map((column) => (column.name === 'description' ? { ...column, unsent } : column));
  const lint = (config: StepConfig, mayLackColumns: boolean) =>
    rules
      .lintTables([{ steps: steps(config), table: { ...PRODUCTS, columns }, mayLackColumns }])
      .map(({ code, level }) => `${level} ${code}`);
  for (const config of [{ filter: "description like 'x%'" }, { set: { both: 'name || description' } }]) {
    expect(lint(config, true)).toEqual(['error unsent-column']);
    expect(lint(config, false)).toEqual([]);
  }
  for (const config of [
    { filter: 'stock > 0' },
    { set: { short: 'left(description, 9)' } },
    { drop: ['description'] },
  ]) {
    expect(lint(config, true)).toEqual([]);
  }
});

test('what steps make of columns that may be not sent may be not sent either, and is of any size', () => {
  const unsent = { aboveBytes: 22, aboveRowBytes: 1_000, number: 6 };
  const columns = PRODUCTS.columns.map((column) => (column.name === 'description' ? { ...column, unsent } : column));
  const output = (...configs: StepConfig[]) =>
    compile({ ...PRODUCTS, columns }, ...configs).output.columns.flatMap(({ name, unsent: rule }) =>
      rule === undefined ? [] : [[name, rule]],
    );
  const any = { aboveBytes: -1, aboveRowBytes: -1 };
  expect(output({ rename: { description: 'd' } })).toEqual([['d', unsent]]);
  expect(output({ drop: ['name'] })).toEqual([['description', unsent]]);
  expect(output({ mask: { description: 'hash' } })).toEqual([['description', any]]);
  // The row may be larger than what is left of it.
  expect(output({ set: { short: 'left(description, 9)', upper: 'upper(name)' } })).toEqual([
    ['description', unsent],
    ['short', any],
  ]);
  expect(output({ set: { short: 'left(description, 9)', other: 'description' } }, { drop: ['description'] })).toEqual([
    ['short', any],
    ['other', unsent],
  ]);
});

test('invariant 12: no message holds a value of the row', () => {
  const secret = 'hunter2-4711';
  const t = table('t', [column('id', 'int64', 'bigint', { key: 1 }), column('v', 'text', 'text')]);
  for (const expression of [
    'cast(v as int)',
    'cast(v as date)',
    'cast(v as uuid)',
    'cast(v as numeric)',
    '1 / length(replace)',
  ]) {
    const text = expression.replace('replace', 'concat(null)');
    try {
      apply(t, [{ set: { x: text } }], { op: 'insert', version: 1, after: [1n, secret] });
      expect.unreachable();
    } catch (error) {
      expect((error as Error).message).not.toContain('4711');
      expect((error as Error).message).not.toBe('');
    }
  }
});

test('rules that do not fit the table are refused, with the place', () => {
  const failed = expect.objectContaining({
    code: 'config.invalid',
    message: expect.stringContaining('transform.0.filter'),
  });
  expect(() => compile(PRODUCTS, { filter: 'stok > 0' })).toThrow(failed);
  expect(() => compile(PRODUCTS, { filter: 'name > 0' })).toThrow(failed);
});
