/** Our records beside those of Debezium: a reader of its topics finds every field it uses, of the same JSON type. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { newEncoder, recordsOf, SNAPSHOT, TRANSACTION, valueJson, writeRow } from '../../test/support/encoded.ts';

const TOPIC = 'shop.public.t';

interface Sample {
  readonly source: Readonly<Record<string, unknown>>;
  readonly transaction: object | null;
  readonly [field: string]: unknown;
}

/** Values of records that Debezium 3.6 made of a PostgreSQL 15, by operation (rows of the snapshot shortened). */
const samples = JSON.parse(
  readFileSync(new URL('../../test/vectors/debezium-3.6-envelopes.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, Sample>>;

/** One record of each operation, from our encoder. */
function ours(): Record<string, Record<string, unknown>> {
  const encoder = newEncoder({ connector: 'testdb', database: 'shop' });
  const table = encoder.register({
    source: 'shop',
    schema: 'public',
    table: 't',
    columns: [{ name: 'id', kind: 'int32', native: 'integer', nullable: false, keyOrdinal: 1 }],
  });
  const writer = encoder.writer(table);
  encoder.begin(SNAPSHOT);
  writeRow(writer, { op: 'r', after: [{ text: '1' }] });
  encoder.end();
  encoder.begin(TRANSACTION);
  writeRow(writer, { op: 'c', after: [{ text: '1' }] });
  writeRow(writer, { op: 'u', before: [{ text: '1' }], after: [{ text: '1' }] });
  writeRow(writer, { op: 'd', before: [{ text: '1' }] });
  encoder.marker({ op: 'truncate', table });
  encoder.end();
  const values = recordsOf(encoder.take(), TOPIC).filter(({ value }) => value !== null);
  return Object.fromEntries(values.map(valueJson).map((value) => [value.op as string, value]));
}

/** Fields that hold what only its connector has: an ordering hint, and states of PostgreSQL that we do not track. */
const CONNECTOR_ONLY = new Set(['sequence', 'xmin', 'origin', 'origin_lsn']);

function typeOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}

describe.each(Object.entries(samples))('%s', (op, sample) => {
  const record = ours()[op]!;

  test('has every field of the envelope', () => {
    expect(Object.keys(record).sort()).toEqual(Object.keys(sample).sort());
    for (const [name, value] of Object.entries(sample)) {
      if (name === 'before' || name === 'after') {
        // Which sides there are, but for an update's `before`, which depends on the table's replica identity.
        if (op !== 'u') expect([name, record[name] === null]).toEqual([name, value === null]);
      } else expect([name, typeOf(record[name])]).toEqual([name, typeOf(value)]);
    }
  });

  test('has the fields of source that do not belong to one connector', () => {
    const source = record.source as Record<string, unknown>;
    for (const [name, value] of Object.entries(sample.source)) {
      if (CONNECTOR_ONLY.has(name)) continue;
      // A snapshot of ours has no transaction id, and says "true" where Debezium says which row it is.
      if (op === 'r' && name === 'txId') continue;
      expect([name, typeOf(source[name])]).toEqual([name, typeOf(value)]);
    }
    expect(source.snapshot).toBe(op === 'r' ? 'true' : 'false');
  });

  test('has times that agree with one another', () => {
    for (const place of [record, record.source] as Record<string, number>[]) {
      expect(Math.floor(place.ts_us! / 1_000)).toBe(place.ts_ms);
      // Nanoseconds are beyond what a JS number holds exactly: only their size can be looked at here.
      expect(Math.abs(place.ts_ns! / 1_000 - place.ts_us!)).toBeLessThan(1);
    }
  });

  test('has ordinals in its transaction', () => {
    expect(Object.keys((record.transaction as object | null) ?? {})).toEqual(Object.keys(sample.transaction ?? {}));
  });
});
