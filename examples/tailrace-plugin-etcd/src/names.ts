/**
 * Names of the keys:
 *   <prefix><key>                           the row as a JSON object
 *   _tailrace/version/<prefix><key>         version of the row's last change; of a deleted row for the hold time
 *   _tailrace/floor/<prefix>                version below which a truncate or sweep has removed all rows
 *   _tailrace/sink/<id>/writer              who may write: epoch:lineage
 *   _tailrace/sink/<id>/position/<topic>/<partition>
 * `/` and `%` are percent-encoded in the names of tables and in the columns of the key, so that different rows have different keys.
 * Versions are 19 digits: etcd compares values as text.
 */
import { fillTemplate, keyValues, type TableSchema, TailraceError } from 'tailrace/sdk';

export const SERVICE_PREFIX = '_tailrace/';
const VERSIONS = `${SERVICE_PREFIX}version/`;
const VERSION_DIGITS = 19;

export const versionKey = (rowKey: string): string => VERSIONS + rowKey;
export const rowKeyOf = (versionKey: string): string => versionKey.slice(VERSIONS.length);
export const floorKey = (prefix: string): string => `${SERVICE_PREFIX}floor/${prefix}`;
export const writerKey = (id: string): string => `${SERVICE_PREFIX}sink/${id}/writer`;
export const positionPrefix = (id: string): string => `${SERVICE_PREFIX}sink/${id}/position/`;

/** The prefix of one table. */
export function rowPrefix(template: string, table: Pick<TableSchema, 'schema' | 'table'>): string {
  return fillTemplate(template, table, encode);
}

/** Key of a row. Throws `sink.rejected` for a key that is no text. @param key as in `Change.key` */
export function rowKey(prefix: string, key: string): string {
  const texts = keyValues(key).map((json) => (json.startsWith('"') ? (JSON.parse(json) as string) : json));
  const isText = !keyValues(key).some((json) => json.startsWith('{')) && texts.every((text) => text.isWellFormed());
  if (!isText) throw new TailraceError('sink.rejected', 'the key of the row is not valid UTF-8 text');
  return prefix + texts.map(encode).join('/');
}

export function versionText(version: bigint): string {
  return String(version).padStart(VERSION_DIGITS, '0');
}

/** The first key behind all that begin with the prefix, which is not empty. */
export function prefixEnd(prefix: string): Buffer {
  const bytes = Buffer.from(prefix);
  // A byte of UTF-8 text is never 0xff.
  bytes[bytes.length - 1]! += 1;
  return bytes;
}

function encode(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('/', '%2F');
}
