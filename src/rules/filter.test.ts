import { describe, expect, test } from 'vitest';
import { type Cell, type ChangeInit, change } from '../../test/support/changes.ts';
import { apply, compile, object, PRODUCTS, ROW } from '../../test/support/rules.ts';

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
