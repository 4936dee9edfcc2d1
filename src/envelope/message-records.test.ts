import { expect, test } from 'vitest';
import { newEncoder, recordsOf, TRANSACTION, valueJson, writeRow, writeRows } from '../../test/support/encoded.ts';
import type { Message, RowTransform } from '../contracts/rules.ts';
import type { Column, TableDescription, TableSchema } from '../contracts/schema.ts';
import { messageTopicOf } from './topic-name.ts';

const ID: Column = { name: 'id', kind: 'int64', native: 'bigint', nullable: false, keyOrdinal: 1 };
const TOPIC: Column = { name: 'topic', kind: 'text', native: 'text', nullable: false };
const OUTBOX: TableDescription = { source: 'shop', schema: 'public', table: 'outbox', columns: [ID, TOPIC] };
const ORDERS: TableDescription = { source: 'shop', schema: 'public', table: 'orders', columns: [ID, TOPIC] };

/** Rows of `outbox` as messages of the topics that they name. */
function compile(table: TableSchema): RowTransform {
  if (table.table !== 'outbox') return { output: table, apply: (change) => [change] };
  return {
    output: table,
    apply: () => [],
    messages: ({ op, key, after }): Message[] =>
      op === 'insert' || op === 'snapshot'
        ? [
            {
              topic: String(after!.get(1)),
              key: Buffer.from(key),
              value: Buffer.from([0, 255]),
              headers: [{ key: 'id', value: Buffer.from(String(after!.get(0))) }],
            },
          ]
        : [],
  };
}

const sent = (id: number, topic: string) => [{ text: String(id) }, { text: topic }];
const version = (headers: readonly { readonly value: Uint8Array | null }[]) =>
  Buffer.from(headers[0]!.value!).readBigUInt64BE();

test('invariant 7: messages and rows of a transaction carry versions that rise in its order', () => {
  const encoder = newEncoder({ transform: compile });
  const [outbox, orders] = [encoder.register(OUTBOX), encoder.register(ORDERS)].map((table) => encoder.writer(table));
  encoder.begin(TRANSACTION);
  writeRow(orders!, { op: 'c', after: sent(1, 'a') });
  writeRow(outbox!, { op: 'c', after: sent(2, 'a') });
  writeRow(outbox!, { op: 'c', after: sent(3, 'b') });
  writeRow(outbox!, { op: 'c', after: sent(4, 'a') });
  writeRow(orders!, { op: 'c', after: sent(5, 'a') });
  encoder.end();
  const topics = encoder.newTopics().filter(({ service }) => !service);
  expect(topics).toEqual([
    { name: 'shop.public.orders', service: false },
    { name: 'shop.a', service: false, messages: true },
    { name: 'shop.b', service: false, messages: true },
  ]);
  const batches = encoder.take();
  const base = BigInt(TRANSACTION.timeUs) * 256n;
  const rows = recordsOf(batches, 'shop.public.orders');
  const [a, b] = [recordsOf(batches, 'shop.a'), recordsOf(batches, 'shop.b')];
  expect([rows, a, b].map((of) => of.map(({ headers }) => version(headers) - base))).toEqual([
    [0n, 4n],
    [1n, 3n],
    [2n],
  ]);
  expect(a.map(({ key, value, headers }) => [String(key), [...value!], headers.map((one) => one.key)])).toEqual([
    ['{"id":2}', [0, 255], ['tr-version', 'id']],
    ['{"id":4}', [0, 255], ['tr-version', 'id']],
  ]);
  // The place in the transaction counts messages as well.
  expect(rows.map((record) => valueJson(record).transaction)).toMatchObject([{ total_order: 1 }, { total_order: 5 }]);
  expect(encoder.version()).toBe(String(base + 4n));
  expect(recordsOf(batches, 'shop.public.outbox')).toEqual([]);
});

test('deletes, truncates and snapshots of such a table leave no record; updates are told of once and counted', () => {
  const warnings: string[] = [];
  const counts = { insert: 0, update: 0, delete: 0, snapshot: 0, filtered: 0 };
  const encoder = newEncoder({ transform: compile, warn: (text) => warnings.push(text), counts: () => counts });
  const table = encoder.register(OUTBOX);
  const update = { op: 'u', after: sent(1, 'a') } as const;
  writeRows(encoder, table, [update, update, { op: 'd', before: sent(1, 'a') }]);
  encoder.begin(TRANSACTION);
  encoder.marker({ op: 'truncate', table });
  encoder.marker({ op: 'snapshot-begin', table, snapshot: 's' });
  expect(Object.keys(encoder.openSnapshots())).toHaveLength(1);
  encoder.marker({ op: 'snapshot-end', table, snapshot: 's' });
  encoder.end();
  expect([encoder.take(), encoder.openSnapshots()]).toEqual([[], {}]);
  expect(counts).toEqual({ insert: 0, update: 2, delete: 1, snapshot: 0, filtered: 2 });
  expect(warnings).toEqual([
    'rows of public.outbox were updated: an outbox says only what is inserted, updates are left out',
  ]);
});

test.each([
  ['public.orders', 'table "public"."orders" and messages would share topic shop.public.orders'],
  ['__schemas', 'a message names a topic that begins with __'],
])('messages do not go where something else is: %s', (topic, message) => {
  const encoder = newEncoder({ transform: compile });
  encoder.register(ORDERS);
  expect(() => writeRows(encoder, encoder.register(OUTBOX), [{ op: 'c', after: sent(1, topic) }])).toThrow(message);
});

test('invariant 10: a topic for every row is refused', () => {
  const encoder = newEncoder({ transform: compile });
  const rows = Array.from({ length: 1_001 }, (_, i) => ({ op: 'c', after: sent(i, `t${i}`) }) as const);
  expect(() => writeRows(encoder, encoder.register(OUTBOX), rows)).toThrow('messages name more than 1000 topics');
});

test('names of topics: two are never one', () => {
  const names = [
    'a b',
    'a_x20b',
    'a_x5Fx20b',
    'a_b',
    'a_x2',
    'ä',
    '_xC3_xA4',
    'a\u0000',
    'x'.repeat(400),
    'x'.repeat(401),
  ];
  const topics = names.map((name) => messageTopicOf('shop', name));
  expect(new Set(topics).size).toBe(names.length);
  for (const topic of topics) expect(topic).toMatch(/^shop\.[A-Za-z0-9._-]{1,244}$/);
  expect(topics.slice(0, 2)).toEqual(['shop.a_x20b', 'shop.a_x5Fx20b']);
});
