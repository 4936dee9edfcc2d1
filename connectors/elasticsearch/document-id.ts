/** `_id` of a row's document. Different keys get different ids. */
import { createHash } from 'node:crypto';
import { type Row, TailraceError } from '../../src/sdk/index.ts';
import { decodeCharacters, encodeCharacters, keyText } from '../../src/sdk/target/column-text.ts';

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
