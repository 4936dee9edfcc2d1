/** Schemas as they stand in `<source>.__schemas`: canonical JSON (lib/schema-id.ts), whose SHA-256 names them. */
import { TailraceError } from '../contracts/errors.ts';
import type { Column, TableDescription, TableSchema } from '../contracts/schema.ts';
import { schemaIdOf } from '../lib/schema-id.ts';

/** Key of a schema's record: the topic is compacted and keeps every version of every table. */
export function schemaKey({ schema, table, id }: TableSchema): string {
  return JSON.stringify({ schema, table, id });
}

/** The schema that a record's value describes. Throws `source.unsupported` for anything else. */
export function parseSchema(value: Uint8Array): TableSchema {
  const text = Buffer.from(value.buffer, value.byteOffset, value.length).toString();
  let parsed: TableDescription;
  try {
    parsed = JSON.parse(text) as TableDescription;
  } catch (cause) {
    throw new TailraceError('source.unsupported', 'a record of a schemas topic is not JSON', { cause });
  }
  if (!isDescription(parsed)) {
    throw new TailraceError('source.unsupported', 'a record of a schemas topic does not describe a table');
  }
  const { source, schema, table, columns } = parsed;
  return { id: schemaIdOf(value), source, schema, table, columns };
}

function isDescription(value: TableDescription | null): value is TableDescription {
  const names = [value?.source, value?.schema, value?.table];
  const { columns } = value ?? {};
  return names.every((name) => typeof name === 'string') && Array.isArray(columns) && columns.every(isColumn);
}

function isColumn(value: Partial<Column> | null): boolean {
  const { name, kind, native, keyOrdinal } = value ?? {};
  const texts = [name, kind, native].every((text) => typeof text === 'string');
  return texts && (keyOrdinal === undefined || Number.isInteger(keyOrdinal));
}
