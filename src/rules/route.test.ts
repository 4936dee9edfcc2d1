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
  column('region', 'text', 'text'),
  column('note', 'text', 'text'),
]);
const ROUTE = { route: { orders: { orders_eu: "region = 'eu'", orders_us: "region = 'us'" } } };

function steps(...given: readonly Record<string, unknown>[]): StepSource[] {
  return given.map((step, i) => ({
    verb: Object.keys(step)[0]!,
    config: Object.values(step)[0],
    path: ['transform', i],
  }));
}

const compiled = (...given: readonly Record<string, unknown>[]): RowTransform =>
  rules.compile(steps(...given), ORDERS, { maskKey: 'k' });

const told = ({ op, table: { table: name }, key, after, dropped }: Change) =>
  `${dropped ? 'dropped ' : ''}${op} ${name} ${key}${after === null ? '' : ` ${JSON.stringify(after.toObject())}`}`;
const made = (transform: RowTransform, init: Parameters<typeof change>[1]) =>
  transform.apply(change(ORDERS, init)).map(told);

describe('route', () => {
  test('the first condition that is true decides, a row of none stays', () => {
    const route = compiled(ROUTE);
    const insert = (region: Cell) => made(route, { op: 'insert', version: 1, after: [7, region, 'a'] });
    expect(insert('eu')).toEqual(['insert orders_eu {"id":7} {"id":7,"region":"eu","note":"a"}']);
    expect(insert('us')).toEqual(['insert orders_us {"id":7} {"id":7,"region":"us","note":"a"}']);
    expect(insert('jp')).toEqual(['insert orders {"id":7} {"id":7,"region":"jp","note":"a"}']);
    expect(insert(null)).toEqual(['insert orders {"id":7} {"id":7,"region":null,"note":"a"}']);
    expect(route.routes).toBe(true);
    const own = compiled({ route: { orders: { orders: "region = 'eu'", rest: true } } });
    expect(own.apply(change(ORDERS, { op: 'insert', version: 1, after: [7, 'eu', 'a'] })).map(told)).toHaveLength(1);
    expect(made(own, { op: 'insert', version: 1, after: [7, 'us', 'a'] })[0]).toContain('insert rest');
  });

  test('a row that moves is deleted where it was and written where it is, at one version', () => {
    const route = compiled(ROUTE);
    const moved = { op: 'update', version: 2, before: [7, 'eu', 'a'], after: [7, 'us', 'b'] } as const;
    expect(made(route, moved)).toEqual([
      'delete orders_eu {"id":7}',
      'insert orders_us {"id":7} {"id":7,"region":"us","note":"b"}',
    ]);
    expect(route.apply(change(ORDERS, moved)).map(({ version }) => version)).toEqual([2n, 2n]);
    expect(made(route, { op: 'update', version: 2, before: [7, 'eu', 'a'], after: [7, 'eu', 'b'] })).toEqual([
      'update orders_eu {"id":7} {"id":7,"region":"eu","note":"b"}',
    ]);
    expect(made(route, { op: 'delete', version: 3, before: [7, 'us', 'b'] })).toEqual(['delete orders_us {"id":7}']);
  });

  test('where it was is not known: it is deleted wherever it may be', () => {
    const route = compiled(ROUTE);
    expect(made(route, { op: 'update', version: 2, after: [7, 'us', 'b'] })).toEqual([
      'delete orders_eu {"id":7}',
      'delete orders {"id":7}',
      'update orders_us {"id":7} {"id":7,"region":"us","note":"b"}',
    ]);
    expect(made(route, { op: 'delete', version: 2, before: [7] })).toHaveLength(3);
    expect(made(route, { op: 'snapshot', version: 2, after: [7, 'us', 'b'] })).toEqual([
      'dropped delete orders_eu {"id":7}',
      'dropped delete orders {"id":7}',
      'snapshot orders_us {"id":7} {"id":7,"region":"us","note":"b"}',
    ]);
  });

  test('conditions on the key alone need no old row', () => {
    const route = compiled({ route: { orders: { odd: 'id % 2 = 1', even: true } } });
    expect(made(route, { op: 'update', version: 2, after: [7, 'us', 'b'] })).toEqual([
      'update odd {"id":7} {"id":7,"region":"us","note":"b"}',
    ]);
    expect(made(route, { op: 'delete', version: 2, before: [8] })).toEqual(['delete even {"id":8}']);
  });

  test('invariant 9: what was not sent is that of the old row, or the change is refused', () => {
    const route = compiled(ROUTE);
    const init = { op: 'update', version: 2, before: [7, 'eu', 'long'], after: [7, 'us', NOT_SENT] } as const;
    expect(made(route, init)[1]).toBe('insert orders_us {"id":7} {"id":7,"region":"us","note":"long"}');
    const refused = expect.objectContaining({ code: 'rule.failed' });
    expect(() => made(route, { op: 'update', version: 2, after: [7, 'us', NOT_SENT] })).toThrow(refused);
    expect(() => made(route, { op: 'update', version: 2, after: [7, NOT_SENT, 'b'] })).toThrow(refused);
    // Where it stays, what stands there has the column.
    const stays = { op: 'update', version: 2, before: [7, 'eu'], after: [7, 'eu', NOT_SENT] } as const;
    expect(made(route, stays)).toEqual(['update orders_eu {"id":7} {"id":7,"region":"eu"}']);
  });

  test('markers reach every place, with what a sweep spares', () => {
    const end = { op: 'snapshot-end', version: 9, sweepBelow: 5, sweepExcept: ['{"id":1}'] } as const;
    const all = compiled(ROUTE).apply(change(ORDERS, end));
    expect(
      all.map(({ op, table: { table: name }, sweepBelow, sweepExcept }) => [op, name, sweepBelow, sweepExcept]),
    ).toEqual(['orders_eu', 'orders_us', 'orders'].map((name) => ['snapshot-end', name, 5n, ['{"id":1}']]));
  });

  test('steps above and below work on its rows, each place being a table version of its own', () => {
    const route = compiled(
      { rename: { region: 'area' } },
      { route: { orders: { orders_eu: "area = 'eu'" } } },
      { drop: ['note'] },
    );
    const [one] = route.apply(change(ORDERS, { op: 'insert', version: 1, after: [7, 'eu', 'a'] }));
    expect(one!.table.columns.map(({ name }) => name)).toEqual(['id', 'area']);
    const [other] = route.apply(change(ORDERS, { op: 'insert', version: 1, after: [7, 'us', 'a'] }));
    expect(other!.table.id).not.toBe(one!.table.id);
  });
});

describe('what lint says of route', () => {
  const customers = table('customers', ORDERS.columns);
  const lint = (given: readonly StepSource[], ...tables: readonly TableSchema[]) =>
    [
      ...rules.lint(given, { maskKey: 'k' }),
      ...rules.lintTables(tables.map((one) => ({ steps: given, table: one }))),
    ].map(({ code, message }) => `${code}: ${message}`);

  test.each<readonly [Record<string, unknown>, string]>([
    [{ route: 'orders' }, 'step-argument: a map from columns must stand here'],
    [{ route: { orders: 'eu' } }, 'step-argument: a map from tables to conditions must stand here'],
    [{ route: { orders: { a: true }, customers: { b: true } } }, 'step-argument: one table must stand here'],
    [{ route: { orders: { 'x.a': true } } }, 'step-argument: the name of a table must stand here, without its schema'],
    [{ route: { orders: { a: 5 } } }, 'step-argument: a condition must stand here'],
    [{ route: { orders: { a: 'id + 1' } } }, 'type-mismatch: a condition is needed, this is integer'],
    [{ route: { orders: { a: 'regio is null' } } }, 'unknown-column: there is no column "regio"'],
    [{ route: { orders: { a: "$op = 'c'" } } }, 'step-argument: where a row goes can only depend on its columns'],
    [{ route: { orders: { a: 'before.id = 1' } } }, 'step-argument: where a row goes can only depend on its columns'],
    [{ route: { orderz: { a: true } } }, 'unknown-table: no table here is "orderz"'],
    [
      { route: { orders: { customers: true } } },
      'shared-target: rows of "public.orders" would go where those of "public.customers" go',
    ],
  ])('%j', (step, expected) => {
    expect(lint(steps(step), ORDERS, customers)).toContain(expected);
  });

  test('twice, under a source, and two tables to one place', () => {
    expect(lint(steps(ROUTE, ROUTE), ORDERS)).toEqual([
      'step-place: its rows are routed above already',
      'step-place: its rows are routed above already',
    ]);
    const inSource = steps(ROUTE).map((step) => ({ ...step, path: ['source', ...step.path] }));
    expect(lint(inSource)[0]).toContain('step-place: route works behind the log only');
    const both = steps({ route: { orders: { all: true } } }, { route: { customers: { all: true } } });
    expect(lint(both, ORDERS, customers)).toEqual([
      'shared-target: rows of "public.orders" would go where those of another table go',
      'shared-target: rows of "public.customers" would go where those of another table go',
    ]);
    expect(lint(steps(ROUTE), ORDERS, customers)).toEqual([]);
  });
});

const event = fc.record({
  id: fc.integer({ min: 1, max: 3 }),
  region: fc.constantFrom('eu', 'us', 'jp', null),
  note: fc.constantFrom('a', 'b'),
  kind: fc.constantFrom('write', 'write', 'write', 'delete', 'truncate', 'snapshot'),
  before: fc.constantFrom('whole', 'key', 'none'),
});

/** A source's history as a log has it, and what the source holds at its end. */
function historyOf(events: readonly (typeof event extends fc.Arbitrary<infer T> ? T : never)[]) {
  const source = new Map<number, readonly [number, string | null, string]>();
  const changes: Change[] = [];
  let version = 0;
  for (const { id, region, note, kind, before } of events) {
    const old = source.get(id);
    const image = before === 'none' || old === undefined ? {} : { before: before === 'whole' ? old : [id] };
    const now = [id, region, note] as const;
    version++;
    if (kind === 'truncate') {
      changes.push(change(ORDERS, { op: 'truncate', version }));
      source.clear();
    } else if (kind === 'snapshot') {
      // A row has changed and another gone while nobody looked.
      const begin = version++;
      source.set(id, now);
      for (const row of source.values())
        changes.push(change(ORDERS, { op: 'snapshot', version: version++, after: row }));
      changes.push(change(ORDERS, { op: 'snapshot-end', version, sweepBelow: begin }));
    } else if (kind === 'delete') {
      if (old === undefined) continue;
      changes.push(change(ORDERS, { op: 'delete', version, before: before === 'whole' ? old : [id] }));
      source.delete(id);
    } else {
      const op = old === undefined ? 'insert' : 'update';
      changes.push(change(ORDERS, { op, version, ...(op === 'update' && image), after: now }));
      source.set(id, now);
    }
  }
  return { source, changes };
}

test('invariant 7: after any history each row stands where it belongs and nowhere else, its end told twice or not', () => {
  const route = compiled(ROUTE, { filter: "note <> 'b' or region is null" });
  let moved = 0;
  fc.assert(
    fc.property(fc.array(event, { maxLength: 14 }), fc.nat(14), (events, again) => {
      const { source, changes } = historyOf(events);
      const targets = new Map(['orders', 'orders_eu', 'orders_us'].map((name) => [name, new TableModel(ORDERS)]));
      for (const one of [...changes, ...changes.slice(-again)]) {
        const all = route.apply(one);
        if (one.op === 'update' && all.length > 1) moved++;
        for (const result of all) targets.get(result.table.table)!.apply(result);
      }
      const placeOf = (region: string | null) => (region === 'eu' || region === 'us' ? `orders_${region}` : 'orders');
      for (const [name, model] of targets) {
        const rows = [...source.values()].filter(
          ([, region, note]) => placeOf(region) === name && (note !== 'b' || region === null),
        );
        expect(model.rows(), name).toEqual(rows.map(([id, region, note]) => [String(id), region, note]).sort(byJson));
      }
    }),
    { seed: testSeed, numRuns: 500 },
  );
  expect(moved).toBeGreaterThan(200);
});
