/** `_id` of a row's document. Different keys get different ids. */
import { createHash } from 'node:crypto';
import { type Row, type TableSchema, TailraceError } from '../../src/sdk/index.ts';
import { decodeCharacters, encodeCharacters, keyText } from '../../src/sdk/target/column-text.ts';
import { sourceTableName } from '../../src/sdk/target/names.ts';

/** Elasticsearch takes no longer ones, and refuses a whole bulk request that holds one. */
const MAX_BYTES = 512;

/**
 * One key column: its text; the JSON string of it where the text is empty or starts with a quote. Several: their texts joined
 * by colons, with the colons in them (and `%`) percent-encoded. Throws `sink.rejected` for a key that is too long.
 */
export function documentId(row: Row, keys: readonly number[]): string {
  const id = keys.length === 1 ? ofOne(keyText(row, keys[0]!)) : ofSeveral(row, keys);
  if (id.length * 3 <= MAX_BYTES || Buffer.byteLength(id) <= MAX_BYTES) return id;
  throw new TailraceError(
    'sink.rejected',
    `a key is longer than the ${MAX_BYTES} bytes that a document's _id may have`,
  );
}

function ofOne(text: string): string {
  return text === '' || text.startsWith('"') ? JSON.stringify(text) : text;
}

function ofSeveral(row: Row, keys: readonly number[]): string {
  return keys.map((index) => encodeCharacters(keyText(row, index), ':')).join(':');
}

/** Texts of the key columns in key order, from an `_id` that `documentId` made. */
export function keyTextsOf(id: string, keys: number): readonly string[] {
  if (keys > 1) return id.split(':').map(decodeCharacters);
  return [id.startsWith('"') ? (JSON.parse(id) as string) : id];
}

/** `_id` of the memory of a document's delete. */
export function memoryId(index: string, id: string): string {
  return `deleted/${createHash('sha256').update(`${index}\0${id}`).digest('base64url')}`;
}

/**
 * What a document's shard is chosen by; null: its `_id`. Throws `sink.not_ready` for a column that is not of the key: it could change,
 * and the document would stay in its old shard beside the new one.
 */
export function routingOf(column: string | undefined, table: TableSchema): (row: Row) => string | null {
  if (column === undefined) return () => null;
  const index = table.columns.findIndex(({ name, keyOrdinal }) => name === column && keyOrdinal !== undefined);
  if (index >= 0) return (row) => keyText(row, index);
  throw new TailraceError('sink.not_ready', `"${column}" is no column of the key of ${sourceTableName(table)}`, {
    remedy: 'name a column of the record key with `routing:`, or make it one with `key:` of the source',
  });
}

/** `_id` of a change in a data stream. */
export function entryId({ topic, partition, offset }: { topic: string; partition: number; offset: bigint }): string {
  return `${topic}-${partition}-${offset}`;
}
