/** Random histories of a table, run through random rules into a model of a target: it must equal the rules said on the table itself. */

import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { type Cell, type ChangeInit, change, column, table } from '../../test/support/changes.ts';
import fc from '../../test/support/fast-check.ts';
import { testSeed } from '../../test/support/seed.ts';
import { byJson, TableModel } from '../../test/support/table-model.ts';
import { classOf } from '../contracts/errors.ts';
import { type Change, NOT_SENT } from '../contracts/row.ts';
import { createRules } from './index.ts';

const rules = createRules();
const TABLE = table('t', [
  column('id', 'int32', 'integer', { key: 1 }),
  column('a', 'int32', 'integer'),
  column('p', 'bool', 'boolean'),
  // Large: left out of updates that do not change it.
  column('s', 'text', 'text'),
]);

type Row = readonly [id: number, a: number | null, p: boolean | null, s: string | null];

/** A step, and what it does said in JavaScript over named values; null when the row leaves the target. */
interface Rule {
  readonly step: Readonly<Record<string, unknown>>;
  readonly means: (row: Record<string, unknown>) => Record<string, unknown> | null;
}

const hash = (text: unknown) =>
  text === null || text === undefined ? null : createHmac('sha256', 'k').update(String(text)).digest('hex');
const n = (value: unknown) => value as number | null;

const RULES: readonly Rule[] = [
  {
    step: { filter: 'p and a > 2' },
    means: (row) => (row.p === true && n(row.a) !== null && n(row.a)! > 2 ? row : null),
  },
  {
    step: { filter: "s like 'x%' or a = 1" },
    means: (row) => (String(row.s ?? '').startsWith('x') || row.a === 1 ? row : null),
  },
  { step: { filter: 'p is not true' }, means: (row) => (row.p === true ? null : row) },
  { step: { set: { z: 'a + 1' } }, means: (row) => ({ ...row, z: n(row.a) === null ? null : n(row.a)! + 1 }) },
  {
    step: { set: { u: "upper(s) || '!'" } },
    means: (row) => ({ ...row, u: row.s === null ? null : `${String(row.s).toUpperCase()}!` }),
  },
  { step: { set: { m: 'concat(a, s)' } }, means: (row) => ({ ...row, m: `${row.a ?? ''}${row.s ?? ''}` }) },
  {
    step: { set: { s: 'coalesce(s, cast(a as text))' } },
    means: (row) => ({ ...row, s: row.s ?? (row.a === null ? null : String(row.a)) }),
  },
  { step: { mask: { s: 'hash' } }, means: (row) => ({ ...row, s: hash(row.s) }) },
  { step: { mask: { id: 'hash' } }, means: (row) => ({ ...row, id: hash(row.id) }) },
  { step: { drop: ['s'] }, means: ({ s: _, ...row }) => row },
];

interface Event {
  readonly kind: 'put' | 'delete' | 'snapshot';
  readonly id: number;
  readonly a: number | null;
  readonly p: boolean | null;
  /** Undefined: as before. */
  readonly s: string | null | undefined;
  readonly before: 'none' | 'key' | 'partial' | 'full';
  readonly sendsUnchanged: boolean;
}

const events = fc.array(
  fc.record<Event>({
    kind: fc.constantFrom('put', 'put', 'put', 'delete', 'snapshot'),
    id: fc.constantFrom(1, 2),
    a: fc.constantFrom(null, 0, 1, 2, 3, 4),
    p: fc.constantFrom(null, true, true, false),
    s: fc.constantFrom(undefined, undefined, null, 'x', 'xy', 'z'),
    before: fc.constantFrom('none', 'key', 'partial', 'full'),
    sendsUnchanged: fc.boolean(),
  }),
  { minLength: 1, maxLength: 14 },
);

/** What the source sends for the event, and the table after it. */
function captured(rows: Map<number, Row>, event: Event): ChangeInit | null {
  const { kind, id } = event;
  const old = rows.get(id);
  const before = old === undefined ? {} : { before: oldRow(old, event.before) };
  if (kind === 'delete') {
    rows.delete(id);
    return old === undefined
      ? null
      : { op: 'delete', version: 0, before: [id], ...(event.before !== 'none' && before) };
  }
  const row: Row = [id, event.a, event.p, event.s === undefined ? (old?.[3] ?? null) : event.s];
  if (kind === 'snapshot') return old === undefined ? null : { op: 'snapshot', version: 0, after: old };
  rows.set(id, row);
  if (old === undefined) return { op: 'insert', version: 0, after: row };
  const isUnsent = old[3] === row[3] && !event.sendsUnchanged;
  const after: Cell[] = isUnsent ? [...row.slice(0, 3), NOT_SENT] : [...row];
  return { op: 'update', version: 0, after, ...(event.before !== 'none' && before) };
}

function oldRow(row: Row, how: Event['before']): Cell[] {
  if (how === 'key') return [row[0]];
  return how === 'partial' ? [...row.slice(0, 3), NOT_SENT] : [...row];
}

const isWhole = ({ after }: Change) => after === null || after.columns.every((_, i) => after.get(i) !== NOT_SENT);

/** Refused changes wait with all later partial ones of their row, as in the runtime. Returns the rows that still wait. */
function deliver(
  change: Change,
  apply: (change: Change) => readonly Change[],
  model: TableModel,
  waiting: Set<string>,
): void {
  const { key } = change;
  try {
    for (const out of apply(change)) {
      if (waiting.has(key) && !isWhole(out)) return;
      model.apply(out);
      waiting.delete(key);
    }
  } catch (error) {
    if (classOf(error) !== 'poison') throw error;
    waiting.add(key);
  }
}

test('invariant 9: the target holds what the rules say of the table, and nothing that was not sent is made up', () => {
  const seed = testSeed;
  console.log(`rules seed ${seed}`);
  let delivered = 0;
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(RULES.length - 1), { maxLength: 4 }), events, (chosen, history) => {
      const used = chosen.map((i) => RULES[i]!);
      const steps = used.map(({ step }, i) => ({
        verb: Object.keys(step)[0]!,
        config: Object.values(step)[0],
        path: [i],
      }));
      fc.pre(rules.lintTable(steps, TABLE).length === 0);
      const transform = rules.compile(steps, TABLE, { maskKey: 'k' });
      const model = new TableModel(transform.output);
      const source = new Map<number, Row>();
      const waiting = new Set<string>();
      for (const [i, event] of history.entries()) {
        const init = captured(source, event);
        if (init === null) continue;
        deliver(change(TABLE, { ...init, version: i + 1 }), (one) => transform.apply(one), model, waiting);
      }
      const expected = [...source.values()]
        .filter(([id]) => !waiting.has(`{"id":${id}}`))
        .flatMap((row) => {
          const named: Record<string, unknown> = { id: row[0], a: row[1], p: row[2], s: row[3] };
          const result = used.reduce<Record<string, unknown> | null>(
            (so, { means }) => (so === null ? null : means(so)),
            named,
          );
          return result === null
            ? []
            : [transform.output.columns.map(({ name }) => (result[name] === null ? null : String(result[name])))];
        });
      const waitingIds = [...waiting].map((key) => (JSON.parse(key) as { id: number }).id);
      const idColumn = transform.output.columns.findIndex(({ name }) => name === 'id');
      const isWaiting = (row: (string | null)[]) =>
        waitingIds.some((id) => row[idColumn] === String(id) || row[idColumn] === hash(id));
      delivered += expected.length;
      expect(model.rows().filter((row) => !isWaiting(row))).toEqual(expected.sort(byJson));
    }),
    { seed, numRuns: 4_000 },
  );
  expect(delivered).toBeGreaterThan(1_000);
});
