/** Any history of two tables, and any places where the process dies: the target is the join that SQL makes of the tables. */
import { expect, test } from 'vitest';
import fc from '../../../test/support/fast-check.ts';
import {
  type Cell,
  hasArrived,
  KeptTables,
  type LookupSceneOptions,
  Script,
  type ScriptedChange,
  startLookup,
  stepsOf,
} from '../../../test/support/lookup-scene.ts';
import { temporaryDirectory, until } from '../../../test/support/scripted-scene.ts';
import { TailraceError } from '../../contracts/errors.ts';

const dir = temporaryDirectory();
const RUNS = process.env.TAILRACE_FULL === undefined ? 3 : 150;
const POINTS = [
  ...['source.after-commit', 'stage.before-commit', 'stage.after-commit', 'stage.before-keep', 'stage.after-keep'],
  ...['stage.after-batch', 'sink.after-write'],
];

type Table = Map<number, Cell[]>;

/** The two tables, and the changes that made them what they are. */
class Tables {
  readonly orders: Table = new Map();
  readonly customers: Table = new Map();

  /** Null: nothing would change. */
  apply({ table, kind, id, value, text }: Act): ScriptedChange | null {
    const rows = this[table];
    if (kind === 'truncate') {
      rows.clear();
      return { op: 'truncate', table };
    }
    const old = rows.get(id);
    if (kind === 'delete') {
      rows.delete(id);
      return old === undefined ? null : { op: 'd', table, row: [id] };
    }
    const row = table === 'orders' ? [id, value, text] : [id, text, value === null ? null : `t${value}`];
    rows.set(id, row);
    return { op: old === undefined ? 'c' : 'u', table, row };
  }
}

interface Act {
  readonly table: 'orders' | 'customers';
  readonly kind: 'put' | 'delete' | 'truncate';
  readonly id: number;
  readonly value: number | null;
  readonly text: string;
}

const acts: fc.Arbitrary<Act> = fc.record({
  table: fc.constantFrom('orders', 'customers'),
  kind: fc.oneof(
    { weight: 12, arbitrary: fc.constant('put' as const) },
    { weight: 4, arbitrary: fc.constant('delete' as const) },
    { weight: 1, arbitrary: fc.constant('truncate' as const) },
  ),
  id: fc.integer({ min: 1, max: 5 }),
  value: fc.option(fc.integer({ min: 1, max: 5 }), { freq: 6 }),
  text: fc.constantFrom('a', 'b', 'c'),
});

const histories = fc.array(fc.array(acts, { minLength: 1, maxLength: 4 }), { minLength: 4, maxLength: 25 });
/** A point, and how often it is passed before the process dies there. */
const crashes = fc.array(fc.tuple(fc.constantFrom(...POINTS), fc.integer({ min: 1, max: 4 })), { maxLength: 3 });

/** What SQL says. */
type Model = (tables: Tables) => readonly Record<string, unknown>[];

async function converges(options: Pick<LookupSceneOptions, 'transform' | 'sink'>, model: Model): Promise<void> {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(histories, crashes, async (history, dying) => {
      const script = new Script();
      const target = new KeptTables();
      const tables = new Tables();
      const at = `${dir()}/${runs++}`;
      const commits = history.map((one) => one.flatMap((act) => tables.apply(act) ?? []));
      const parts = dying.length + 1;
      const size = Math.ceil(commits.length / parts);
      for (let part = 0; part < parts; part++) {
        script.add(...commits.slice(part * size, (part + 1) * size));
        await run(at, script, target, options, dying[part] ?? null);
      }
      const expected = model(tables);
      expect([...target.rows('orders').values()].sort((a, b) => Number(a.id) - Number(b.id))).toEqual(expected);
    }),
    { numRuns: RUNS },
  );
}

/** Until all has arrived, or the process dies. */
async function run(
  at: string,
  script: Script,
  target: KeptTables,
  options: Pick<LookupSceneOptions, 'transform' | 'sink'>,
  death: readonly [string, number] | null,
): Promise<void> {
  let passed = 0;
  let isDead = false;
  const failpoint = (name: string) => {
    if (isDead || name !== death?.[0] || ++passed < death[1]) return;
    isDead = true;
    throw new TailraceError('internal.bug', 'died');
  };
  const scene = await startLookup(at, script, target, { ...options, failpoint });
  await until(() => isDead || hasArrived(scene, script), 'everything has arrived');
  await scene.stop();
}

const rowsOf = (table: Table) => [...table.values()].sort((a, b) => Number(a[0]) - Number(b[0]));

const leftJoin: Model = ({ orders, customers }) =>
  rowsOf(orders).map(([id, customer, note]) => {
    const found = customers.get(customer as number);
    return { id, customer, note, name: found?.[1] ?? null, level: found?.[2] ?? null };
  });

const LOOKUP = { from: 'customers', on: { id: 'customer' }, take: { name: 'name', level: 'tier' } };

test('invariant 7: the target is the left join, whatever died on the way', async () => {
  await converges({ transform: stepsOf({ lookup: LOOKUP }) }, leftJoin);
});

test('missing: drop is the inner join, behind a filter of both tables and with steps after it', async () => {
  const filter = { verb: 'filter', config: "level <> 't3'", path: ['sink', 'transform', 0] };
  const options = {
    transform: stepsOf(
      { filter: 'id <> 4' },
      { set: { buyer: 'customer' } },
      { lookup: { ...LOOKUP, on: { id: 'buyer' }, missing: 'drop' } },
    ),
    sink: { from: ['orders'], transform: [filter] },
  };
  await converges(options, (tables) =>
    leftJoin(tables)
      .filter(({ id, customer }) => id !== 4 && customer !== 4 && tables.customers.has(customer as number))
      .filter(({ level }) => level !== null && level !== 't3')
      .map((row) => ({ ...row, buyer: row.customer })),
  );
});

test('a table looked up in itself, and another by what was found there', async () => {
  const transform = stepsOf(
    { lookup: { from: 'public.orders', on: { id: 'customer' }, take: { next: 'customer' } } },
    { lookup: { ...LOOKUP, on: { id: 'next' } } },
  );
  await converges({ transform }, ({ orders, customers }) =>
    rowsOf(orders).map(([id, customer, note]) => {
      const next = orders.get(customer as number)?.[1] ?? null;
      const found = customers.get(next as number);
      return { id, customer, note, next, name: found?.[1] ?? null, level: found?.[2] ?? null };
    }),
  );
});
