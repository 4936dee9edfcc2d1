/** The quick ways of rows and headers give what the plain ones give. */
import { expect, test } from 'vitest';
import { change, column, table } from '../../test/support/changes.ts';
import fc from '../../test/support/fast-check.ts';
import { testSeed } from '../../test/support/seed.ts';
import type { LogRecord } from '../contracts/log.ts';
import { type Change, type ColumnTarget, NOT_SENT, type Row, type Value } from '../contracts/row.ts';
import { readRecords } from '../wire/record-batch.ts';
import { ChangeWriter } from './change-writer.ts';
import type { DirectRowWriter } from './direct-row-writer.ts';
import { createEnvelope } from './index.ts';
import { MemorySchemaStore } from './schema-store.ts';
import { EnvelopeEncoder } from './source-encoder.ts';
import { tableTemplate } from './table-template.ts';

const TABLE = table('t', [
  column('id', 'int64', 'bigint', { key: 1 }),
  column('a "quoted" ä', 'int32', 'integer'),
  column('p', 'bool', 'boolean'),
  column('s', 'text', 'text'),
  column('f', 'float64', 'double precision'),
  column('j', 'json', 'json'),
]);
const FACTS = { productVersion: '1', connector: 'c', source: 'shop', database: '' };

function written(changes: readonly Change[]): LogRecord[] {
  const encoder = new EnvelopeEncoder(
    { source: 'shop', version: null, now: () => 1e12, connector: 'c', transform: null },
    '1',
  );
  const schema = encoder.register(TABLE);
  const writer = new ChangeWriter(tableTemplate(schema, FACTS), encoder.writer(schema) as DirectRowWriter);
  encoder.begin({ id: '1', kind: 'stream', timeUs: 1e15, position: '0/1' });
  for (const one of changes) writer.write(one);
  encoder.end();
  return encoder
    .take()
    .filter(({ topic }) => !topic.endsWith('__schemas'))
    .flatMap(({ bytes }) => [...readRecords(bytes)]);
}

/** Strings as rules compute them: given as text, not as bytes. */
function asText(row: Row): Row {
  const copy = (index: number, target: ColumnTarget, at: number) => {
    const value = row.get(index);
    if (value === NOT_SENT) target.unchanged(at);
    else if (typeof value === 'string' && row.columns[index]!.kind === 'text') target.string(at, value);
    else target.jsonText(at, Buffer.from(row.bytes(index)!).toString());
  };
  return {
    columns: row.columns,
    get: (i) => row.get(i),
    bytes: (i) => row.bytes(i),
    toObject: () => row.toObject(),
    copy,
  };
}

const values = fc.tuple(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.option(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
  fc.option(fc.boolean()),
  fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ unit: 'grapheme', maxLength: 12 }),
    fc.constantFrom('', '"', '\\', '\u007f', 'a\\"b', '\ud800', `${'x'.repeat(45)}"`, null),
  ),
  fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
  fc.option(fc.json()),
);

test('columns as text, as bytes and as places in a record are the same record', () => {
  const envelope = createEnvelope({ productVersion: '1' });
  const schemas = new MemorySchemaStore();
  fc.assert(
    fc.property(fc.array(fc.tuple(values, fc.nat(5)), { minLength: 1, maxLength: 5 }), (rows) => {
      const changes = rows.map(([after, missing], i) => {
        const sent: (Value | typeof NOT_SENT)[] = after.map((value, at) =>
          at > 0 && at === missing ? NOT_SENT : value,
        );
        return change(TABLE, { op: 'update', version: i + 1, after: sent });
      });
      const plain = written(changes);
      const asTexts = written(changes.map((one) => ({ ...one, after: asText(one.after!) })));
      expect(asTexts.map(({ value }) => Buffer.from(value!).toString())).toEqual(
        plain.map(({ value }) => Buffer.from(value!).toString()),
      );
      const known = { ...schemas, get: () => TABLE, add: () => {} };
      const decoded = plain.map((record) => envelope.decode(record, known)!);
      expect(written(decoded).map(({ value }) => value)).toEqual(plain.map(({ value }) => value));
      // Headers that lie as stored, and those that were made.
      const made = plain.map((record) => ({
        ...record,
        key: record.key,
        value: record.value,
        headers: record.headers,
      }));
      expect(made.map((record) => envelope.decode(record, known)!.version)).toEqual(
        decoded.map(({ version }) => version),
      );
      for (const [i, { after }] of decoded.entries()) {
        for (let c = 0; c < TABLE.columns.length; c++) {
          const value = changes[i]!.after!.get(c);
          if (typeof value === 'string') continue;
          expect(Object.is(after!.get(c), value) || after!.get(c) === value).toBe(true);
          expect(after!.has!(c)).toBe(value !== NOT_SENT);
        }
      }
    }),
    { seed: testSeed, numRuns: 300 },
  );
});
