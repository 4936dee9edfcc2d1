/**
 * What is the same in every record of one table version, as bytes ready to be copied. A record's value is
 *
 *     {"before":null,"after":{"id":1,"v":"x"},"op":"c","source":{"version":…,"table":"t", … },"ts_ms":…,"transaction":…}
 *      └ row sides, by column ──────────────┘└ tail of the table ─────────────────────┘└ part of the transaction ────┘
 *
 * The fields are those of Debezium's envelope without schema wrapper; their order is ours.
 */
import { type Column, type Kind, keyColumns, type TableSchema } from '../contracts/schema.ts';
import type { Form } from './json-text.ts';
import { headerTemplate } from './record-headers.ts';

export interface ColumnTemplate {
  readonly name: string;
  /** `,"name":`; the first column sent has its comma replaced by a brace. */
  readonly head: Uint8Array;
  readonly form: Form;
  /** Place in the record key from 0 on, or -1. */
  readonly keyIndex: number;
  /** Columns whose places in a record are noted: those of the key in its order, then those that are kept. -1: not noted. */
  readonly slot: number;
}

export interface TableTemplate {
  readonly table: TableSchema;
  readonly columns: readonly ColumnTemplate[];
  /** `,"op":"?","source":{…,"table":"t",`: all up to what changes with the transaction. */
  readonly tail: Uint8Array;
  readonly headers: Uint8Array;
  /** What stands before each value of the key: `{"a":`, `,"b":`. Empty for a table without key. */
  readonly keyHeads: readonly Uint8Array[];
  /** Bytes of all `keyHeads` and the closing brace. */
  readonly keyFixedBytes: number;
  readonly slots: number;
}

export interface SourceFacts {
  /** Version of the product, for `source.version`. */
  readonly productVersion: string;
  readonly connector: string;
  readonly source: string;
  readonly database: string;
}

/** Place of the operation's letter in a tail. */
export const OP_AT = ',"op":"'.length;

/** @param kept indexes of columns outside of the key */
export function tableTemplate(table: TableSchema, facts: SourceFacts, kept: readonly number[] = []): TableTemplate {
  const keys = keyColumns(table);
  const keyHeads = keys.map(({ name }, i) => bytesOf(`${i === 0 ? '{' : ','}${JSON.stringify(name)}:`));
  return {
    table,
    columns: table.columns.map((column, i) => {
      const keyIndex = keys.indexOf(column);
      const place = kept.indexOf(i);
      return columnTemplate(column, keyIndex, keyIndex >= 0 || place < 0 ? keyIndex : keys.length + place);
    }),
    tail: bytesOf(tailText(table, '?', facts)),
    headers: headerTemplate(table.id),
    keyHeads,
    keyFixedBytes: keyHeads.reduce((sum, head) => sum + head.length, 1),
    slots: keys.length + kept.length,
  };
}

/** @param letter the operation, which stands at `OP_AT` */
export function tailText({ schema, table }: TableSchema, letter: string, facts: SourceFacts): string {
  const { productVersion, connector, source, database } = facts;
  const origin = JSON.stringify({ version: productVersion, connector, name: source, db: database, schema, table });
  return `,"op":"${letter}","source":${origin.slice(0, -1)},`;
}

function columnTemplate({ name, kind }: Column, keyIndex: number, slot: number): ColumnTemplate {
  return { name, head: bytesOf(`,${JSON.stringify(name)}:`), form: FORMS[kind] ?? 'text', keyIndex, slot };
}

const FORMS: { readonly [kind in Kind]?: Form } = {
  bool: 'bool',
  int16: 'integer',
  int32: 'integer',
  int64: 'integer',
  uint64: 'integer',
  float32: 'float',
  float64: 'float',
};

/** Of exact length and plain: copied whole, by the million. */
function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
