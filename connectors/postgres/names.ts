/** Names of what the source makes upstream, and of the tables it reads. */
import { createHash } from 'node:crypto';
import type { SourceOpenOptions } from '../../src/sdk/index.ts';
import type { SourceConfig } from './config.ts';

const MAX_BYTES = 63;

export type SourceOptions = SourceOpenOptions<SourceConfig>;

/** `tailrace_<instance>_<source>`: lower case, other characters `_`, over 63 bytes cut plus 8 digits of the hash (DESIGN § 6). */
export function defaultName(instance: string, source: string): string {
  const name = `tailrace_${instance}_${source}`;
  const plain = name.toLowerCase().replace(/[^a-z0-9_]/g, '_');
  if (plain.length <= MAX_BYTES) return plain;
  return `${plain.slice(0, MAX_BYTES - 9)}_${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}

export const slotOf = ({ config, instance, name }: SourceOptions): string => config.slot ?? defaultName(instance, name);

/** `managed`: made and altered by us. */
export function publicationOf({ config, instance, name }: SourceOptions): { name: string; managed: boolean } {
  return config.publication === undefined
    ? { name: defaultName(instance, name), managed: true }
    : { name: config.publication, managed: false };
}

/** Configured names of tables of the database: not those of logical messages and DDL. */
export const databaseTables = ({ config, tables }: SourceOptions): readonly string[] =>
  tables.filter((label) => label !== config.messages?.table && label !== config.ddl?.table);

/** It stands under a pattern: it may be gone, or another one of that name. */
export const isLoose = ({ loose = [] }: SourceOptions, { label }: Pick<TableName, 'label'>): boolean =>
  loose.includes(label);

export interface TableName {
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
  return `"${name.replaceAll('"', '""')}"`;
}

export const quoteTable = ({ schema, table }: TableName): string => `${quoteName(schema)}.${quoteName(table)}`;

export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}
