import { describe, expect, test } from 'vitest';
import { type Cell, change, column, table } from '../../test/support/changes.ts';
import type { Message, RowTransform, StepSource } from '../contracts/rules.ts';
import type { TableSchema } from '../contracts/schema.ts';
import { createRules } from './index.ts';

const rules = createRules();
const OUTBOX = table('outbox', [
  column('id', 'uuid', 'uuid', { key: 1 }),
  column('aggregate_type', 'text', 'text'),
  column('aggregate_id', 'int64', 'bigint'),
  column('type', 'text', 'text'),
  column('payload', 'json', 'jsonb'),
  column('raw', 'bytes', 'bytea'),
]);
const ORDERS = table('orders', [column('id', 'int64', 'bigint', { key: 1 }), column('total', 'decimal', 'numeric')]);
const BARE = { topic: 'events.{aggregate_type}', key: 'aggregate_id', value: 'payload', headers: ['type'] };

function steps(...given: readonly Record<string, unknown>[]): StepSource[] {
  return given.map((step, i) => ({
    verb: Object.keys(step)[0]!,
    config: Object.values(step)[0],
    path: ['source', 'transform', i],
  }));
}

const compiled = (of: TableSchema, ...given: readonly Record<string, unknown>[]): RowTransform =>
  rules.compile(steps(...given), of, { maskKey: 'k' });

const text = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString());
const told = ({ topic, key, value, headers }: Message) => [
  topic,
  text(key),
  text(value),
  Object.fromEntries(headers.map((header) => [header.key, text(header.value)])),
];

const ROW: readonly Cell[] = ['6c1f…', 'order', 9_007_199_254_740_993n, 'created', '{"n":  1.50, "n": 2e400}', null];

describe('outbox', () => {
  test('a row that is inserted or stood there becomes a message, its values as the source wrote them', () => {
    const { messages, apply } = bound(compiled(OUTBOX, { outbox: BARE }));
    const wanted = ['events.order', '9007199254740993', '{"n":  1.50, "n": 2e400}', { id: '6c1f…', type: 'created' }];
    for (const op of ['insert', 'snapshot'] as const) {
      const given = change(OUTBOX, { op, version: 1, after: [...ROW] });
      expect(messages(given).map(told)).toEqual([wanted]);
      expect(apply(given)).toEqual([]);
    }
  });

  test('what is deleted or updated, and what a filter refuses, says nothing', () => {
    const { messages } = bound(compiled(OUTBOX, { filter: "type <> 'draft'" }, { outbox: BARE }));
    const draft = ROW.with(3, 'draft');
    expect(messages(change(OUTBOX, { op: 'delete', version: 2, before: [...ROW] }))).toEqual([]);
    expect(messages(change(OUTBOX, { op: 'update', version: 2, before: [...ROW], after: [...ROW] }))).toEqual([]);
    expect(messages(change(OUTBOX, { op: 'insert', version: 2, after: [...draft] }))).toEqual([]);
    expect(messages(change(OUTBOX, { op: 'insert', version: 2, after: [...ROW] }))).toHaveLength(1);
  });

  test('bytes stay bytes, NULL is nothing, names of headers and columns of steps above can be used', () => {
    const outbox = {
      topic: '{aggregate_type}.{kind}',
      value: 'raw',
      headers: { event: 'kind', empty: 'payload' },
      id: 'aggregate_id',
    };
    const { messages } = bound(compiled(OUTBOX, { set: { kind: 'upper(type)' } }, { outbox }));
    const [message] = messages(
      change(OUTBOX, { op: 'insert', version: 1, after: [...ROW.with(4, null).with(5, Buffer.from([0, 255, 1]))] }),
    );
    expect([...message!.value!]).toEqual([0, 255, 1]);
    expect(told({ ...message!, value: null })).toEqual([
      'order.CREATED',
      null,
      null,
      { id: '9007199254740993', event: 'CREATED', empty: null },
    ]);
    const [empty] = messages(change(OUTBOX, { op: 'insert', version: 1, after: [...ROW] }));
    expect(empty!.value).toBeNull();
  });

  test.each([null, ''])('a message without a topic (%j) is refused, and its values are not told', (type) => {
    const { messages } = bound(compiled(OUTBOX, { outbox: BARE }));
    const given = change(OUTBOX, { op: 'insert', version: 1, after: [...ROW.with(1, type)] });
    expect(() => messages(given)).toThrow('column "aggregate_type" is NULL or empty, so the message has no topic');
  });

  test('other tables than those named stay tables, with the steps below', () => {
    const given = [{ outbox: { ...BARE, table: 'public.outbox' } }, { drop: ['total'] }];
    const orders = compiled(ORDERS, ...given);
    expect(orders.messages).toBeUndefined();
    expect(orders.output.columns.map(({ name }) => name)).toEqual(['id']);
    expect(compiled(OUTBOX, ...given).messages).toBeDefined();
    const tables = [OUTBOX, ORDERS].map((one) => ({ steps: steps(...given), table: one }));
    expect(rules.lintTables(tables)).toEqual([]);
    const misspelt = [{ outbox: { ...BARE, table: 'outbocks' } }, { drop: ['totals'] }];
    expect(
      rules
        .lintTables([OUTBOX, ORDERS].map((one) => ({ steps: steps(...misspelt), table: one })))
        .map(({ message }) => message),
    ).toEqual(['no table of the source is "outbocks"', 'there is no column "totals"']);
    const below = [{ outbox: { ...BARE, table: 'outbox' } }, { drop: ['totals'] }];
    expect(
      rules
        .lintTables([OUTBOX, ORDERS].map((one) => ({ steps: steps(...below), table: one })))
        .map(({ message }) => message),
    ).toEqual(['there is no column "totals"']);
  });

  test('a table that lacks a column is refused, in a file and at work', () => {
    const problems = rules.lintTable(steps({ outbox: BARE }), ORDERS);
    expect(problems.map(({ path, message }) => [path.slice(3).join('.'), message])).toEqual([
      ['outbox.topic', 'there is no column "aggregate_type"'],
      ['outbox.key', 'there is no column "aggregate_id"'],
      ['outbox.value', 'there is no column "payload"'],
      ['outbox.headers.0', 'there is no column "type"'],
    ]);
    expect(() => compiled(ORDERS, { outbox: BARE })).toThrow('does not fit table');
    const named = rules.lintTable(steps({ outbox: { ...BARE, topic: '{payload}' } }), OUTBOX);
    expect(named.map(({ message }) => message)).toEqual(['the values of "payload" cannot be part of a name']);
  });
});

test.each([
  ['a', ': a map must stand here'],
  [{ topic: 'a', value: 'b', keys: 'c' }, 'keys: "outbox" has no "keys" → did you mean "key"?'],
  [{ value: 'b' }, ': "outbox" needs "topic"'],
  [{ topic: 'a' }, ': "outbox" needs "value"'],
  [{ topic: 'a', value: 5 }, 'value: the name of a column must stand here'],
  [{ topic: '{a', value: 'b' }, 'topic: a brace is not closed, or not opened'],
  [{ topic: '{}', value: 'b' }, 'topic: a column must stand between braces'],
  [{ topic: '__a', value: 'b' }, 'topic: topics that begin with __ are for Tailrace itself'],
  [{ topic: 'a', value: 'b', headers: 'c' }, 'headers: columns must stand here'],
  [{ topic: 'a', value: 'b', headers: ['c', 'id'] }, 'headers.1: there would be two headers "id"'],
  [{ topic: 'a', value: 'b', headers: { 'tr-version': 'c' } }, 'headers.tr-version: headers that begin with tr-'],
  [{ table: [], topic: 'a', value: 'b' }, 'table: names of tables must stand here'],
])('outbox: %j', (config, expected) => {
  const problems = rules.lint(steps({ outbox: config }), { maskKey: 'k' });
  expect(problems.map(({ path, message, fix }) => `${path.slice(4).join('.')}: ${message} → ${fix}`)).toEqual([
    expect.stringContaining(expected),
  ]);
});

test('it stands under a source only', () => {
  const problems = rules.lint([{ verb: 'outbox', config: BARE, path: ['transform', 0] }], { maskKey: 'k' });
  expect(problems.map(({ code, fix }) => [code, fix])).toEqual([
    ['step-place', 'put it under transform: of the source'],
  ]);
});

function bound(transform: RowTransform) {
  return { messages: transform.messages!.bind(transform), apply: transform.apply.bind(transform) };
}
