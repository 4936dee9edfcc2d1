import { expect, test } from 'vitest';
import { canonicalSchema, schemaId } from './schema-id.ts';

const column = { name: 'id', kind: 'int64', native: 'bigint', nullable: false, keyOrdinal: 1 };
const table = { source: 's', schema: 'public', table: 't', columns: [column] };

test('the id is that of the canonical JSON, which does not depend on the order of fields or on others', () => {
  const { keyOrdinal, ...rest } = column;
  const shuffled = { columns: [{ keyOrdinal, ...rest }], table: 't', schema: 'public', source: 's', id: 'x' };
  expect(canonicalSchema(shuffled)).toBe(
    '{"source":"s","schema":"public","table":"t","columns":[{"name":"id","kind":"int64","native":"bigint","nullable":false,"keyOrdinal":1}]}',
  );
  expect(schemaId(shuffled)).toBe(schemaId(table));
  // Stored in records: it must never change.
  expect(schemaId(table)).toBe('ae88ac9dc1a77d10');
});

test('every field counts', () => {
  const ids = [
    table,
    { ...table, source: 'x' },
    { ...table, columns: [{ ...column, nullable: true }] },
    { ...table, columns: [{ ...column, scale: 0 }] },
    { ...table, columns: [{ ...column, enum: ['a'] }] },
  ].map(schemaId);
  expect(new Set(ids).size).toBe(ids.length);
});
