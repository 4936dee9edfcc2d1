/** What a database file holds, whoever has written it. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { HeldState, SinkOpenOptions } from '../../src/sdk/index.ts';
import { quoteIdentifier as quote } from '../../src/sdk/sql-target/identifiers.ts';
import { VERSION_COLUMN } from '../../src/sdk/target/names.ts';
import type { SqliteConfig } from './config.ts';
import { asSinkError } from './errors.ts';

const BUSY_MS = 5_000;

const VERSIONED = `SELECT m.name AS name, c.name AS "column" FROM sqlite_schema m, pragma_table_info(m.name) c
  WHERE m.type = 'table' AND (c.name = '${VERSION_COLUMN}' OR m.name IN ('_tr_deleted', '_tr_floor') AND c.name = 'version')`;

/** Versions of all tables of the file: they can only be higher than those of this sink's. */
export async function heldBySqlite({
  config,
  id,
}: Pick<SinkOpenOptions<SqliteConfig>, 'config' | 'id'>): Promise<HeldState> {
  const path = resolve(config.path);
  if (!existsSync(path)) return { version: null, epoch: 0, generation: 0 };
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS });
    const tables = database.prepare(VERSIONED).all() as { name: string; column: string }[];
    const versions = tables.map(({ name, column }) => highest(database!, `${quote(column)}) AS n FROM ${quote(name)}`));
    const isThere = database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = '_tr_offsets'`).get() !== undefined;
    const own = (column: string) =>
      isThere ? Number(highest(database!, `${column}) AS n FROM _tr_offsets WHERE sink = ?`, id) ?? 0n) : 0;
    const known = versions.filter((version) => version !== null);
    const version = known.sort((a, b) => (a < b ? -1 : 1)).at(-1) ?? null;
    return { version, epoch: own('epoch'), generation: own('generation') };
  } catch (error) {
    throw asSinkError(error, path);
  } finally {
    database?.close();
  }
}

function highest(database: DatabaseSync, what: string, ...parameters: string[]): bigint | null {
  const statement = database.prepare(`SELECT max(${what}`);
  statement.setReadBigInts(true);
  return (statement.get(...parameters)?.n as bigint | null | undefined) ?? null;
}
