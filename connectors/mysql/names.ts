/** Names of tables, and as which replica the source reads. */
import { createHash } from 'node:crypto';
import type { SourceOpenOptions } from '../../src/sdk/index.ts';
import type { SourceConfig } from './config.ts';

export type SourceOptions = SourceOpenOptions<SourceConfig>;

export interface TableName {
  /** The database. */
  readonly schema: string;
  readonly table: string;
  /** `schema.table` as configured. */
  readonly label: string;
}

export function tableName(label: string): TableName {
  const dot = label.indexOf('.');
  return { schema: label.slice(0, dot), table: label.slice(dot + 1), label };
}

export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

export const quoteTable = ({ schema, table }: TableName): string => `${quoteName(schema)}.${quoteName(table)}`;

/** Text as a literal under `sql_mode` without NO_BACKSLASH_ESCAPES, which every connection of ours has. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** The server ends a reader when another with the same id or uuid comes: both stay the same over restarts. */
export function replicaOf({ config, instance, name }: SourceOptions): { readonly id: number; readonly uuid: string } {
  const hash = createHash('sha256').update(`tailrace ${instance} ${name}`).digest();
  const hex = hash.toString('hex');
  const uuid = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)];
  // Away from the small numbers that people give to their servers.
  return { id: config.server_id ?? 2 ** 31 + (hash.readUInt32BE(28) >>> 1), uuid: uuid.join('-') };
}
