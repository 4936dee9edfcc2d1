import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Cell, type ChangeInit, change, column, table } from '../../test/support/changes.ts';
import { apply, compile, MASK_KEY, object, PRODUCTS, ROW, rules, steps, texts } from '../../test/support/rules.ts';
import { NOT_SENT, type Value } from '../contracts/row.ts';

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
    const hmac = (value: string | Uint8Array) => createHmac('sha256', MASK_KEY).update(value).digest('hex');
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
    const hmac = (value: string) => createHmac('sha256', MASK_KEY).update(value).digest('hex');
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
    const key = `{"shop":"5","email":"${createHmac('sha256', MASK_KEY).update('a@b').digest('hex')}"}`;
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
