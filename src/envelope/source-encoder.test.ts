import { describe, expect, test } from 'vitest';
import {
  changesOf,
  envelope,
  NOW_MS,
  newEncoder,
  recordsOf,
  type SentRow,
  SNAPSHOT,
  TRANSACTION,
  valueJson,
  writeRow,
  writeRows,
} from '../../test/support/encoded.ts';
import fc from '../../test/support/fast-check.ts';
import type { SourceEncoder } from '../contracts/envelope.ts';
import type { PendingBatch } from '../contracts/log.ts';
import type { Column, TableDescription } from '../contracts/schema.ts';

const COLUMNS: readonly Column[] = [
  { name: 'id', kind: 'int32', native: 'integer', nullable: false, keyOrdinal: 1 },
  { name: 'v', kind: 'text', native: 'text', nullable: true },
];

const TOPIC = 'shop.public.t';
const table = (name = 't', columns = COLUMNS): TableDescription => ({
  source: 'shop',
  schema: 'public',
  table: name,
  columns,
});
const row = (op: SentRow['op'], id: number, v: string | null = 'x'): SentRow => {
  const columns = [{ text: String(id) }, v === null ? null : { text: v }];
  return op === 'd' ? { op, before: columns } : { op, after: columns };
};
const keyText = (key: Uint8Array | null) => (key === null ? null : Buffer.from(key).toString());
const header = (headers: readonly { key: string; value: Uint8Array | null }[], name: string) =>
  Buffer.from(headers.find(({ key }) => key === name)!.value!);

function encodeRows(rows: readonly SentRow[], encoder = newEncoder()) {
  writeRows(encoder, encoder.register(table()), rows);
  return encoder.take();
}

describe('records', () => {
  test('key, headers, time and version of a record', () => {
    const [record] = recordsOf(encodeRows([row('c', 7)]), TOPIC);
    expect(keyText(record!.key)).toBe('{"id":7}');
    expect(record!.timestamp).toBe(NOW_MS);
    expect(record!.headers.map(({ key }) => key)).toEqual(['tr-version', 'tr-schema']);
    expect(header(record!.headers, 'tr-version').readBigUInt64BE()).toBe(BigInt(TRANSACTION.timeUs) * 256n);
    const id = newEncoder().register(table()).id;
    expect(header(record!.headers, 'tr-schema').toString('hex')).toBe(id);
  });

  test('what a change says beside its row', () => {
    const [change] = changesOf(encodeRows([row('c', 7)]), TOPIC);
    expect(change).toMatchObject({
      op: 'insert',
      version: BigInt(TRANSACTION.timeUs) * 256n,
      timeUs: TRANSACTION.timeUs,
      key: '{"id":7}',
      before: null,
      position: '16/B374D848',
      transaction: '740',
    });
    expect(change!.table).toEqual({ ...table(), id: newEncoder().register(table()).id });
  });

  test('a delete is an event and a tombstone of the same version', () => {
    const batches = encodeRows([row('c', 7), row('d', 7), row('c', 7)]);
    const records = recordsOf(batches, TOPIC);
    expect(records.map(({ value }) => value === null)).toEqual([false, false, true, false]);
    expect(new Set(records.map(({ key }) => keyText(key)))).toEqual(new Set(['{"id":7}']));
    const versions = records.map(({ headers }) => header(headers, 'tr-version').readBigUInt64BE());
    expect(versions[2]).toBe(versions[1]);
    expect(versions[1]).toBe(versions[0]! + 1n);
    expect(versions[3]).toBe(versions[1]! + 1n);
    expect(changesOf(batches, TOPIC).map((change) => change?.op)).toEqual(['insert', 'delete', undefined, 'insert']);
  });

  test('a table without key has null keys and no tombstones', () => {
    const encoder = newEncoder();
    const plain = encoder.register(table('t', [COLUMNS[1]!]));
    writeRows(encoder, plain, [
      { op: 'c', after: [{ text: 'a' }] },
      { op: 'd', before: [{ text: 'a' }] },
    ]);
    const batches = encoder.take();
    expect(recordsOf(batches, TOPIC).map(({ key, value }) => [key, value === null])).toEqual([
      [null, false],
      [null, false],
    ]);
    expect(changesOf(batches, TOPIC).map((change) => [change!.op, change!.key])).toEqual([
      ['insert', 'null'],
      ['delete', 'null'],
    ]);
  });

  test('a row without its key columns is refused, and so is one without all its columns', () => {
    const unsent: SentRow = { op: 'u', after: [undefined, { text: 'x' }] };
    expect(() => encodeRows([unsent])).toThrow(/without its key columns/);
    const before: SentRow = { op: 'u', before: [{ text: '1' }, null], after: [undefined, { text: 'x' }] };
    expect(() => encodeRows([before])).toThrow(/without its key columns/);
    expect(() => encodeRows([{ op: 'c', after: [{ text: '1' }] }])).toThrow(/without all its columns/);
    expect(() => encodeRows([{ op: 'c', before: [{ text: '1' }, null] }])).toThrow(/wrong sides/);
    expect(() => encodeRows([{ op: 'd', after: [{ text: '1' }, null] }])).toThrow(/wrong sides/);
    expect(() => encodeRows([{ op: 'c' }])).toThrow(/wrong sides/);
  });

  test('rows and markers outside a transaction, transactions in one another', () => {
    const encoder = newEncoder();
    const registered = encoder.register(table());
    expect(() => encoder.writer(registered).begin('c')).toThrow(/outside a transaction/);
    expect(() => encoder.marker({ op: 'truncate', table: registered })).toThrow(/outside a transaction/);
    expect(() => encoder.end()).toThrow();
    encoder.begin(TRANSACTION);
    expect(() => encoder.begin(TRANSACTION)).toThrow();
    encoder.writer(registered).begin('c');
    expect(() => encoder.take()).toThrow(/inside a record/);
  });

  test('ordinals count the records of a transaction, and of each table in it', () => {
    const encoder = newEncoder();
    const [t, u] = [encoder.register(table()), encoder.register(table('u'))];
    for (let i = 0; i < 2; i++) {
      encoder.begin({ ...TRANSACTION, id: String(i) });
      for (const [which, id] of [
        [t, 1],
        [u, 1],
        [t, 2],
      ] as const)
        writeRow(encoder.writer(which), row('c', id));
      encoder.end();
    }
    const batches = encoder.take();
    const ordinals = (topic: string) => recordsOf(batches, topic).map((record) => valueJson(record).transaction);
    expect(ordinals(TOPIC)).toEqual([
      { id: '0', total_order: 1, data_collection_order: 1 },
      { id: '0', total_order: 3, data_collection_order: 2 },
      { id: '1', total_order: 1, data_collection_order: 1 },
      { id: '1', total_order: 3, data_collection_order: 2 },
    ]);
    expect(ordinals('shop.public.u')).toMatchObject([{ total_order: 2 }, { total_order: 2 }]);
  });
});

describe('version clock', () => {
  test('goes on above the saved version, and is what the last record had', () => {
    const saved = String(BigInt(TRANSACTION.timeUs + 1) * 256n);
    const encoder = newEncoder({ version: saved });
    expect(encoder.version()).toBe(saved);
    const versions = changesOf(encodeRows([row('c', 1), row('c', 2)], encoder), TOPIC).map((change) => change!.version);
    expect(versions).toEqual([BigInt(saved) + 1n, BigInt(saved) + 2n]);
    expect(encoder.version()).toBe(String(versions[1]));
  });

  test('a source a day ahead is warned about', () => {
    const warnings: string[] = [];
    const encoder = newEncoder({ warn: (message) => warnings.push(message) });
    encoder.begin({ ...TRANSACTION, timeUs: (NOW_MS + 86_400_001) * 1_000 });
    expect(warnings).toHaveLength(1);
  });
});

describe('markers', () => {
  test('a truncate', () => {
    const encoder = newEncoder();
    const registered = encoder.register(table());
    encoder.begin(TRANSACTION);
    encoder.marker({ op: 'truncate', table: registered });
    encoder.end();
    const batches = encoder.take();
    const [record] = recordsOf(batches, TOPIC);
    expect(keyText(record!.key)).toBe('{"$marker":"truncate","scope":"public.t"}');
    expect(valueJson(record!)).toMatchObject({ op: 't', before: null, after: null });
    const [change] = changesOf(batches, TOPIC);
    expect(change).toMatchObject({ op: 'truncate', before: null, after: null, transaction: '740' });
  });

  test('a snapshot’s end sweeps what is older than its begin, also in several takes and with other tables between', () => {
    const encoder = newEncoder();
    const [t, u] = [encoder.register(table()), encoder.register(table('u'))];
    const batches: PendingBatch[] = [];
    const step = (work: () => void) => {
      work();
      batches.push(...encoder.take());
    };
    encoder.begin(SNAPSHOT);
    step(() => encoder.marker({ op: 'snapshot-begin', table: t, snapshot: 's' }));
    step(() => encoder.marker({ op: 'snapshot-begin', table: u, snapshot: 's' }));
    step(() => writeRow(encoder.writer(t), row('r', 1)));
    step(() => encoder.marker({ op: 'snapshot-end', table: t, snapshot: 's' }));
    step(() => encoder.marker({ op: 'snapshot-end', table: u, snapshot: 's' }));
    encoder.end();
    const of = (topic: string) => changesOf(batches, topic);
    const [begin, read, end] = of(TOPIC);
    expect([begin!.op, read!.op, end!.op]).toEqual(['snapshot-begin', 'snapshot', 'snapshot-end']);
    expect(end!.sweepBelow).toBe(begin!.version);
    expect(read!.version).toBeGreaterThan(begin!.version);
    expect([begin!.sweepBelow, read!.sweepBelow]).toEqual([undefined, undefined]);
    expect(of('shop.public.u')[1]!.sweepBelow).toBe(of('shop.public.u')[0]!.version);
    expect([begin, read, end].map((change) => change!.transaction)).toEqual(['', '', '']);
    expect(valueJson(recordsOf(batches, TOPIC)[1]!)).toMatchObject({
      op: 'r',
      transaction: null,
      source: { snapshot: 'true' },
    });
    encoder.begin(SNAPSHOT);
    expect(() => encoder.marker({ op: 'snapshot-end', table: t, snapshot: 's' })).toThrow(/had not begun/);
  });

  test('a snapshot that another process began is ended: the same is swept', () => {
    const first = newEncoder();
    first.begin(SNAPSHOT);
    first.marker({ op: 'snapshot-begin', table: first.register(table()), snapshot: 's' });
    first.end();
    const [begin] = changesOf(first.take(), TOPIC);
    const second = newEncoder({
      version: first.version(),
      snapshots: JSON.parse(JSON.stringify(first.openSnapshots())),
    });
    second.begin(SNAPSHOT);
    const again = second.register(table());
    second.marker({ op: 'snapshot-end', table: again, snapshot: 's' });
    second.end();
    const [end] = changesOf([...first.take(), ...second.take()], TOPIC);
    expect(end!.sweepBelow).toBe(begin!.version);
    expect(second.openSnapshots()).toEqual({});
  });
});

describe('schemas', () => {
  test('stand once in the take of the first row that names them, before it', () => {
    const encoder = newEncoder();
    const first = encodeRows([row('c', 1)], encoder);
    expect(first.map(({ topic }) => topic)).toEqual(['shop.__schemas', TOPIC]);
    expect(encodeRows([row('c', 2)], encoder).map(({ topic }) => topic)).toEqual([TOPIC]);
    const [record] = recordsOf(first, 'shop.__schemas');
    const registered = encoder.register(table());
    expect(JSON.parse(keyText(record!.key)!)).toEqual({ schema: 'public', table: 't', id: registered.id });
    const store = envelope.schemas();
    store.add(record!);
    store.add({ ...record!, value: null });
    expect(store.get(registered.id)).toEqual(registered);
    expect(store.get('0000000000000000')).toBeUndefined();
  });

  test('come first even when the rows’ batch was full before', () => {
    const encoder = newEncoder();
    const batches = encodeRows([row('c', 1, 'x'.repeat(700_000)), row('c', 2)], encoder);
    expect(batches.map(({ topic }) => topic)).toEqual(['shop.__schemas', TOPIC, TOPIC]);
  });

  test('have an id that follows their content and nothing else', () => {
    const encoder = newEncoder();
    const registered = encoder.register(table());
    expect(encoder.register(table())).toBe(registered);
    const shuffled = COLUMNS.map((column) => Object.fromEntries(Object.entries(column).reverse()) as unknown as Column);
    expect(encoder.register(table('t', shuffled))).toBe(registered);
    const other = [COLUMNS[0]!, { ...COLUMNS[1]!, length: 20 }];
    expect(encoder.register(table('t', other)).id).not.toBe(registered.id);
    expect(encoder.register(table()).id).toBe(registered.id);
    expect(registered.id).toMatch(/^[0-9a-f]{16}$/);
  });

  test('both versions of a table go to one topic, in order', () => {
    const encoder = newEncoder();
    const wider = [...COLUMNS, { name: 'w', kind: 'bool', native: 'boolean', nullable: true } as const];
    writeRows(encoder, encoder.register(table()), [row('c', 1)]);
    writeRows(encoder, encoder.register(table('t', wider)), [
      { op: 'c', after: [{ text: '2' }, null, { text: 'true' }] },
    ]);
    const batches = encoder.take();
    expect(batches.map(({ topic }) => topic)).toEqual(['shop.__schemas', TOPIC]);
    expect(changesOf(batches, TOPIC).map((change) => change!.after!.toObject())).toEqual([
      { id: 1, v: 'x' },
      { id: 2, v: null, w: true },
    ]);
  });

  test.each(['no json', 'null', '{}', '{"source":"s","schema":"p","table":"t","columns":[null]}', '[1]'])(
    'a record that is none: %s',
    (value) => {
      const record = { offset: 0n, timestamp: 0, key: null, value: Buffer.from(value), headers: [] };
      expect(() => envelope.schemas().add(record)).toThrow(
        expect.objectContaining({ code: 'source.unsupported' }) as unknown as Error,
      );
    },
  );
});

describe('batches', () => {
  test('of any rows: at most 1 MiB or one record, every record once, in order', () => {
    const sizes = fc.array(
      fc.oneof(fc.nat(2_000), fc.integer({ min: 300_000, max: 700_000 }), fc.constant(1_100_000)),
      {
        minLength: 1,
        maxLength: 9,
      },
    );
    const filler = 'x'.repeat(1_100_000);
    fc.assert(
      fc.property(sizes, fc.array(fc.boolean(), { minLength: 1 }), (lengths, takes) => {
        const encoder = newEncoder();
        const writer = encoder.writer(encoder.register(table()));
        const batches: PendingBatch[] = [];
        encoder.begin(TRANSACTION);
        lengths.forEach((length, i) => {
          writeRow(writer, row(i % 3 === 2 ? 'd' : 'c', i, filler.slice(0, length)));
          if (takes[i % takes.length]) batches.push(...encoder.take());
        });
        encoder.end();
        batches.push(...encoder.take());
        for (const batch of batches.filter(({ topic }) => topic === TOPIC)) {
          const [first, ...more] = recordsOf([batch], TOPIC);
          expect(batch.bytes.length <= 1 << 20 || (first !== undefined && more.length === 0)).toBe(true);
        }
        const changes = changesOf(batches, TOPIC);
        const expected = lengths.flatMap((length, i) => (i % 3 === 2 ? [length, null] : [length]));
        const lengthOf = (change: (typeof changes)[number]) => {
          const value = (change?.after ?? change?.before)?.get(1);
          return typeof value === 'string' ? value.length : null;
        };
        expect(changes.map(lengthOf)).toEqual(expected);
        expect(encoder.take()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  test('pendingBytes grows with what is written and is gone with the take', () => {
    const encoder = newEncoder();
    const registered = encoder.register(table());
    expect(encoder.pendingBytes).toBe(0);
    writeRows(encoder, registered, [row('c', 1, 'x'.repeat(1_000))]);
    const one = encoder.pendingBytes;
    expect(one).toBeGreaterThan(1_000);
    for (let i = 0; i < 700; i++) writeRows(encoder, registered, [row('c', i, 'x'.repeat(1_000))]);
    expect(encoder.pendingBytes).toBeGreaterThan(700_000);
    const taken = encoder.take().reduce((sum, { bytes }) => sum + bytes.length, 0);
    expect(taken).toBeGreaterThan(700_000);
    expect(encoder.pendingBytes).toBe(0);
  });

  test('topics are named once, when first needed', () => {
    const encoder = newEncoder();
    const write = (name: string) => writeRows(encoder, encoder.register(table(name)), [row('c', 1)]);
    encoder.register(table('never'));
    write('t');
    expect([...encoder.newTopics()]).toEqual([
      { name: 'shop.__schemas', service: true },
      { name: TOPIC, service: false },
    ]);
    encoder.take();
    write('t');
    write('u');
    expect([...encoder.newTopics()]).toEqual([{ name: 'shop.public.u', service: false }]);
  });

  test('two tables that fall together on one topic are refused', () => {
    const encoder = newEncoder();
    encoder.register({ ...table('b.c'), schema: 'a' });
    const collide = () => encoder.register({ ...table('c'), schema: 'a.b' });
    expect(collide).toThrow(expect.objectContaining({ code: 'config.invalid' }) as unknown as Error);
  });

  test('plain batches for service topics', () => {
    const records = [
      { key: Buffer.from('a'), value: Buffer.from('1') },
      { key: null, value: null },
    ];
    const bytes = envelope.batch(records, NOW_MS);
    const read = recordsOf([{ topic: 'x', partition: 0, bytes }], 'x');
    expect(read.map(({ key, value, timestamp }) => [keyText(key), keyText(value), timestamp])).toEqual([
      ['a', '1', NOW_MS],
      [null, null, NOW_MS],
    ]);
  });
});

test('no transaction or row is too small or large for its neighbours', () => {
  // Rows of growing and shrinking size make the guessed gap before the value wrong both ways.
  const rows = [0, 5, 60, 70, 8_000, 8_200, 3, 100_000, 1].map((length, i) =>
    row('c', 10 ** (i % 9), 'y'.repeat(length)),
  );
  const encoder: SourceEncoder = newEncoder();
  const changes = changesOf(encodeRows(rows, encoder), TOPIC);
  expect(changes.map((change) => (change!.after!.get(1) as string).length)).toEqual([
    0, 5, 60, 70, 8_000, 8_200, 3, 100_000, 1,
  ]);
});
