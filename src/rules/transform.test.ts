import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Cell, type ChangeInit, change, column, table } from '../../test/support/changes.ts';
import { type Change, NOT_SENT, type Row, type Value } from '../contracts/row.ts';
import type { StepSource } from '../contracts/rules.ts';
import type { TableSchema } from '../contracts/schema.ts';
import { createRules } from './index.ts';

const rules = createRules();
const KEY = 'secret';

const PRODUCTS = table('products', [
  column('id', 'int64', 'bigint', { key: 1 }),
  column('name', 'text', 'text', { nullable: false }),
  column('price', 'decimal', 'numeric(12,2)', { precision: 12, scale: 2 }),
  column('stock', 'int32', 'integer'),
  column('published', 'bool', 'boolean'),
  column('description', 'text', 'text'),
]);

type StepConfig = Readonly<Record<string, unknown>>;

function steps(...configs: StepConfig[]): StepSource[] {
  return configs.map((config, i) => {
    const [[verb, value]] = Object.entries(config) as [[string, unknown]];
    return { verb, config: value, path: ['transform', i] };
  });
}

const compile = (schema: TableSchema, ...configs: StepConfig[]) =>
  rules.compile(steps(...configs), schema, { maskKey: KEY });

function apply(schema: TableSchema, configs: readonly StepConfig[], init: ChangeInit): Change {
  const out = compile(schema, ...configs).apply(change(schema, init));
  expect(out).toHaveLength(1);
  return out[0]!;
}

/** Values by name; not sent columns are absent. */
const object = (row: Row | null) => row?.toObject();

/** The JSON texts of the row, by name. */
function texts(row: Row | null): Record<string, string> {
  return Object.fromEntries(
    row!.columns.flatMap(({ name }, i) => {
      const bytes = row!.bytes(i);
      expect(bytes === undefined).toBe(row!.get(i) === NOT_SENT);
      return bytes === undefined ? [] : [[name, Buffer.from(bytes).toString()]];
    }),
  );
}

const ROW: readonly Cell[] = [7n, 'Lamp', '12.50', 3, true, 'long text'];
const [id, name, price, stock, published] = ROW as [bigint, string, string, number, boolean];

describe('columns', () => {
  test('drop, select and rename move columns and leave their bytes as they are', () => {
    const {
      before,
      after,
      table: output,
    } = apply(
      PRODUCTS,
      [{ drop: ['description'] }, { select: ['name', 'id', 'price'] }, { rename: { name: 'title', price: 'name' } }],
      { op: 'update', version: 1, before: ROW, after: [8n, 'Lamp "2"', null, 0, false, NOT_SENT] },
    );
    expect(output.columns.map((c) => [c.name, c.kind, c.keyOrdinal])).toEqual([
      ['title', 'text', undefined],
      ['id', 'int64', 1],
      ['name', 'decimal', undefined],
    ]);
    expect(texts(after)).toEqual({ title: '"Lamp \\"2\\""', id: '8', name: 'null' });
    expect(object(before)).toEqual({ title: 'Lamp', id: 7n, name: '12.50' });
  });

  test('set adds and replaces; every expression of a step sees the row before it', () => {
    const configs = [{ set: { gross: 'price * 1.19', price: 'price / 2', copy: 'price', stock: 'stock + 1', n: 5 } }];
    const { after, table: output } = apply(PRODUCTS, configs, { op: 'insert', version: 1, after: ROW });
    expect(texts(after)).toEqual({
      id: '7',
      name: '"Lamp"',
      price: '"6.2500000000000000"',
      stock: '4',
      published: 'true',
      description: '"long text"',
      gross: '"14.8750"',
      copy: '"12.50"',
      n: '5',
    });
    const types = Object.fromEntries(output.columns.map((c) => [c.name, [c.native, c.nullable]]));
    expect(types).toMatchObject({
      price: ['numeric', true],
      copy: ['numeric(12,2)', true],
      gross: ['numeric', true],
      n: ['integer', false],
    });
  });

  test('computed values of every type are encoded exactly, in bytes and as values', () => {
    const columns = { key: "'ü\"\\'", big: '9223372036854775807', d: '0.10', f: "cast('NaN' as double precision)" };
    const more = {
      r: 'cast(0.1 as real)',
      z: 'cast(-0.0 as double precision) * -1',
      y: "cast('\\x00ff' as bytea)",
      ts: "cast('2024-02-29' as timestamptz)",
      nothing: 'null',
      b: 'id > 5',
      op: '$op',
      at: '$ts',
      lsn: '$lsn',
      where: "$schema || '.' || $table || $key",
    };
    const { after } = apply(PRODUCTS, [{ set: { ...columns, ...more } }], { op: 'snapshot', version: 1, after: ROW });
    expect(texts(after)).toMatchObject({
      key: '"ü\\"\\\\"',
      big: '9223372036854775807',
      d: '"0.10"',
      f: '"NaN"',
      r: '0.1',
      y: '"AP8="',
      ts: '"2024-02-29T00:00:00.000000Z"',
      nothing: 'null',
      b: 'true',
      op: '"r"',
      at: '"2023-11-14T22:13:20.000001Z"',
      lsn: '"0/1"',
      where: '"public.products{\\"id\\":7}"',
    });
    expect(object(after)).toMatchObject({ big: 9223372036854775807n, d: '0.10', f: Number.NaN, r: 0.1, b: true });
    expect(object(after)!.y).toEqual(Buffer.from([0, 255]));
  });

  test('arrays, json and uint64 pass through expressions as they came', () => {
    const t = table('t', [
      column('id', 'uint64', 'bigint unsigned', { key: 1 }),
      column('a', 'array', 'bytea[]', { element: 'bytes' }),
      column('j', 'json', 'jsonb'),
    ]);
    const set = {
      a2: 'coalesce(a, a)',
      a3: 'a',
      j2: 'coalesce(j, j)',
      sum: 'id + 1',
      id2: 'id',
      text: 'cast(j as text)',
    };
    const after: Cell[] = [18446744073709551615n, [new Uint8Array([1]), null], '{"b":1, "a":2}'];
    const made = apply(t, [{ set }], { op: 'insert', version: 1, after });
    expect(texts(made.after)).toMatchObject({
      a2: '["AQ==",null]',
      a3: '["AQ==",null]',
      j2: '"{\\"b\\":1, \\"a\\":2}"',
      sum: '"18446744073709551616"',
      id2: '18446744073709551615',
      text: '"{\\"b\\":1, \\"a\\":2}"',
    });
    const kinds = Object.fromEntries(made.table.columns.map((c) => [c.name, c.kind]));
    expect(kinds).toMatchObject({ a2: 'array', j2: 'json', sum: 'decimal', id2: 'uint64', text: 'text' });
  });

  test('mask: hash is an HMAC of the text, partial keeps four characters, null nothing; NULL stays NULL', () => {
    const t = table('t', [
      column('id', 'int64', 'bigint', { key: 1 }),
      column('email', 'text', 'character varying(20)', { length: 20, nullable: false }),
      column('card', 'text', 'text'),
      column('n', 'float64', 'double precision', { nullable: false }),
      column('b', 'bytes', 'bytea'),
    ]);
    const hmac = (value: string | Uint8Array) => createHmac('sha256', KEY).update(value).digest('hex');
    const masks = [{ mask: { email: 'hash', card: 'partial', n: null, b: 'hash' } }];
    const first = apply(t, masks, {
      op: 'insert',
      version: 1,
      after: [1n, 'ü@x', '4111 1111 1111 𝄞23', 1.5, new Uint8Array([0xff])],
    });
    expect(object(first.after)).toEqual({
      id: 1n,
      email: hmac('ü@x'),
      card: '**** 𝄞23',
      n: null,
      b: hmac(new Uint8Array([0xff])),
    });
    expect(first.table.columns.map((c) => [c.native, c.nullable])).toEqual([
      ['bigint', false],
      ['text', false],
      ['text', true],
      ['double precision', true],
      ['text', true],
    ]);
    const second = apply(t, masks, {
      op: 'insert',
      version: 1,
      after: [1n, new Uint8Array([0x61, 0xff]), 'short', 1, null],
    });
    expect(object(second.after)).toEqual({
      id: 1n,
      email: hmac(new Uint8Array([0x61, 0xff])),
      card: '****',
      n: null,
      b: null,
    });
    expect(() => rules.compile(steps(...masks), t, { maskKey: null })).toThrow(/mask|key/);
  });

  test('a hash of any kind is that of its text; of a computed column too', () => {
    const { after } = apply(
      PRODUCTS,
      [{ set: { p: 'price * 2' } }, { mask: { price: 'hash', p: 'hash', stock: 'hash' } }],
      {
        op: 'insert',
        version: 1,
        after: ROW,
      },
    );
    const hmac = (value: string) => createHmac('sha256', KEY).update(value).digest('hex');
    expect(object(after)).toMatchObject({ price: hmac('12.50'), p: hmac('25.00'), stock: hmac('3') });
  });

  test('cast changes no value: what would be rounded or cut fails', () => {
    const cast = (type: string, value: Value, kind: 'text' | 'decimal' | 'float64' = 'text') => {
      const t = table('t', [column('id', 'int64', 'bigint', { key: 1 }), column('v', kind, kind)]);
      const transform = compile(t, { cast: { v: type } });
      return texts(transform.apply(change(t, { op: 'insert', version: 1, after: [1n, value] }))[0]!.after).v;
    };
    expect(cast('int', ' 42 ')).toBe('42');
    expect(cast('numeric(5,2)', '3.5')).toBe('"3.50"');
    expect(cast('timestamp', '2024-02-29T10:00:00Z')).toBe('"2024-02-29T10:00:00.000000"');
    expect(cast('varchar(3)', 'äöü')).toBe('"äöü"');
    expect(cast('int', '7.00', 'decimal')).toBe('7');
    expect(cast('double precision', '0.1', 'decimal')).toBe('0.1');
    expect(cast('int', null)).toBe('null');
    const fails: [string, Value, ('text' | 'decimal' | 'float64')?][] = [
      ['int', '4x'],
      ['int', '3000000000'],
      ['int', '7.5', 'decimal'],
      ['numeric(5,2)', '3.555'],
      ['numeric(5,2)', '1234.5', 'decimal'],
      ['timestamp', '2024-02-29T10:00:00+02'],
      ['date', '2023-02-29'],
      ['varchar(3)', 'four'],
      ['double precision', '0.12345678901234567890', 'decimal'],
      ['real', 0.1, 'float64'],
      ['integer', Number.NaN, 'float64'],
      ['boolean', 'maybe'],
    ];
    for (const args of fails) {
      expect(() => cast(...args), args.join(' ')).toThrow(expect.objectContaining({ code: 'rule.failed' }));
    }
  });

  test('the id of the table stays while nothing changed, and is the same for the same result', () => {
    expect(compile(PRODUCTS, { filter: 'stock > 0' }).output).toBe(PRODUCTS);
    expect(compile(PRODUCTS, { mask: { name: 'hash' } }).output).toBe(PRODUCTS);
    expect(compile(PRODUCTS, { drop: ['nothing_of_this_table'] }).output).toBe(PRODUCTS);
    const all = PRODUCTS.columns.map((c) => c.name);
    expect(compile(PRODUCTS, { select: all }).output).toBe(PRODUCTS);
    const dropped = compile(PRODUCTS, { drop: ['description'] }).output;
    expect(dropped.id).toMatch(/^[0-9a-f]{16}$/);
    expect(compile(PRODUCTS, { select: all.slice(0, -1) }).output).toEqual(dropped);
    expect(compile(PRODUCTS, { drop: ['stock'] }).output.id).not.toBe(dropped.id);
  });

  test('markers pass with the new description of the table', () => {
    const marker = change(PRODUCTS, { op: 'snapshot-end', version: 9, sweepBelow: 5 });
    const transform = compile(PRODUCTS, { drop: ['description'] }, { filter: 'stock > 0' });
    expect(transform.apply(marker)).toEqual([{ ...marker, table: transform.output }]);
    expect(rules.compile([], PRODUCTS, { maskKey: null }).apply(marker)).toEqual([marker]);
  });
});

describe('keys', () => {
  const ORDERS = table('orders', [
    column('email', 'text', 'text', { key: 2 }),
    column('shop', 'int32', 'integer', { key: 1 }),
    column('note', 'text', 'text'),
  ]);
  const after = ['a@b', 5, 'x'];

  test('a renamed key column takes its name into the key, in key order', () => {
    const made = apply(ORDERS, [{ rename: { shop: 'store' } }], { op: 'insert', version: 1, after });
    expect(made.key).toBe('{"store":5,"email":"a@b"}');
  });

  test('a hashed key column changes the key the same way in rows, deletes and rows that a filter refuses', () => {
    const configs = [{ mask: { email: 'hash' } }, { cast: { shop: 'text' } }, { filter: "note = 'x'" }];
    const key = `{"shop":"5","email":"${createHmac('sha256', KEY).update('a@b').digest('hex')}"}`;
    const inits: ChangeInit[] = [
      { op: 'insert', version: 1, after },
      { op: 'update', version: 2, after, before: ['a@b', 5, NOT_SENT] },
      { op: 'delete', version: 3, before: ['a@b', 5] },
      { op: 'snapshot', version: 4, after: ['a@b', 5, 'refused'] },
      { op: 'update', version: 5, after: ['a@b', 5, 'refused'] },
    ];
    for (const init of inits) {
      const made = apply(ORDERS, configs, init);
      expect(made.key, init.op).toBe(key);
      expect(object(made.after ?? made.before)).toMatchObject({ shop: '5' });
    }
  });

  test('a table without key passes; its refused rows carry no values', () => {
    const log = table('log', [column('line', 'text', 'text')]);
    const made = apply(log, [{ filter: "line != ''" }], { op: 'insert', version: 1, after: [''] });
    expect(made).toMatchObject({ op: 'delete', dropped: true, after: null });
    expect(object(made.before)).toEqual({});
  });
});

describe('filter', () => {
  const FILTER = [{ filter: 'published and stock > 0' }];
  const withStock = (value: Cell, rest: readonly Cell[] = ROW): Cell[] => [
    ...rest.slice(0, 3),
    value,
    ...rest.slice(4),
  ];

  test('a matching row passes as it is', () => {
    const one = change(PRODUCTS, { op: 'insert', version: 1, after: ROW });
    expect(compile(PRODUCTS, ...FILTER).apply(one)[0]).toBe(one);
  });

  test('a row that stops matching becomes a delete of the same version', () => {
    const gone = apply(PRODUCTS, FILTER, { op: 'update', version: 5, before: ROW, after: withStock(0) });
    expect(gone).toMatchObject({ op: 'delete', version: 5n, key: '{"id":7}', after: null });
    expect(gone.dropped).toBeUndefined();
    expect(object(gone.before)).toEqual(Object.fromEntries(PRODUCTS.columns.map((c, i) => [c.name, ROW[i]])));
  });

  test('the same when the old row is missing, or only its key was sent', () => {
    for (const before of [undefined, [7n] as Cell[]]) {
      const gone = apply(PRODUCTS, FILTER, {
        op: 'update',
        version: 5,
        after: withStock(null),
        ...(before && { before }),
      });
      expect(gone).toMatchObject({ op: 'delete', key: '{"id":7}' });
      expect(gone.dropped).toBeUndefined();
      expect(object(gone.before)).toEqual({ id: 7n });
    }
  });

  test('a row that surely never matched is marked, so that append-only sinks leave it out', () => {
    const never = (init: ChangeInit) => apply(PRODUCTS, FILTER, init).dropped;
    expect(never({ op: 'insert', version: 1, after: withStock(0) })).toBe(true);
    expect(never({ op: 'update', version: 1, before: withStock(0), after: withStock(-1) })).toBe(true);
    // A table is read again after lost history: the row may have matched before.
    expect(never({ op: 'snapshot', version: 1, after: withStock(0) })).toBeUndefined();
    expect(never({ op: 'delete', version: 1, before: withStock(0) })).toBe(true);
    expect(never({ op: 'delete', version: 1, before: ROW })).toBeUndefined();
    expect(never({ op: 'delete', version: 1, before: [7n] })).toBeUndefined();
  });

  test('a delete passes, also when the filter cannot be computed from its key', () => {
    const one = change(PRODUCTS, { op: 'delete', version: 3, before: [7n] });
    expect(compile(PRODUCTS, ...FILTER).apply(one)[0]).toBe(one);
    const facts = apply(PRODUCTS, [{ filter: "$op != 'd' and 1 / stock > 0" }], {
      op: 'delete',
      version: 3,
      before: withStock(0),
    });
    expect(facts).toMatchObject({ op: 'delete' });
    expect(facts.dropped).toBeUndefined();
  });

  test('before. is the old row: NULL for an insert, not known when it was not sent', () => {
    const changed = [{ filter: 'before.stock is null or before.stock != stock' }];
    expect(apply(PRODUCTS, changed, { op: 'insert', version: 1, after: ROW }).op).toBe('insert');
    expect(apply(PRODUCTS, changed, { op: 'update', version: 1, before: ROW, after: ROW }).op).toBe('delete');
    expect(apply(PRODUCTS, changed, { op: 'update', version: 1, before: ROW, after: withStock(4) }).op).toBe('update');
    expect(() => apply(PRODUCTS, changed, { op: 'update', version: 1, after: ROW })).toThrow(
      /the old row was not sent/,
    );
  });

  test('steps before it are seen, steps after it are not taken for a refused row', () => {
    const configs = [{ set: { s: 'stock + 1' } }, { filter: 's > 5' }, { set: { q: '1 / (s - 4)' } }];
    expect(apply(PRODUCTS, configs, { op: 'insert', version: 1, after: ROW })).toMatchObject({ op: 'delete' });
    expect(() => apply(PRODUCTS, [configs[0]!, configs[2]!], { op: 'insert', version: 1, after: ROW })).toThrow(
      'set of "q" at transform[1]: division by zero',
    );
  });
});

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
