/** Tables beside the sink's own, which take their place in one transaction. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { SinkOpenOptions, TargetSwap } from '../../src/sdk/index.ts';
import { quoteIdentifier as quote } from '../../src/sdk/sql-target/identifiers.ts';
import { type SqliteConfig, shadowSuffix } from './config.ts';
import { asSinkError } from './errors.ts';

const BUSY_MS = 30_000;
type Shadow = Pick<TargetSwap, 'tag' | 'shadowId'>;

/** Of the tables that were replaced: one generation of them is kept. */
const OLD = '__old';

export async function swapSqlite(options: SinkOpenOptions<SqliteConfig>, swap: TargetSwap): Promise<readonly string[]> {
  return withDatabase(options, (database) => swapTables(database, options.id, swap)) ?? [];
}

export async function dropSqlite(options: SinkOpenOptions<SqliteConfig>, swap: Shadow): Promise<void> {
  withDatabase(options, (database) => dropTables(database, swap));
}

/** In a transaction; undefined without a file. */
function withDatabase<T>({ config }: SinkOpenOptions<SqliteConfig>, act: (database: DatabaseSync) => T): T | undefined {
  const path = resolve(config.path);
  if (!existsSync(path)) return undefined;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: BUSY_MS });
    // A view or a foreign key that names a table means whatever has that name: renaming must not follow it.
    database.exec(
      'PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON; BEGIN IMMEDIATE',
    );
    const result = act(database);
    database.exec('COMMIT');
    return result;
  } catch (error) {
    throw asSinkError(error, path);
  } finally {
    database?.close();
  }
}

function shadows(database: DatabaseSync, tag: string): string[] {
  const suffix = shadowSuffix(tag);
  const all = database.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`).all() as { name: string }[];
  return all.map(({ name }) => name).filter((name) => name.endsWith(suffix));
}

function swapTables(database: DatabaseSync, id: string, { tag, shadowId, generation }: TargetSwap): string[] {
  const notes = shadows(database, tag).flatMap((shadow) => {
    const name = shadow.slice(0, -shadowSuffix(tag).length);
    const found = replaceTable(database, name, shadow);
    takeService(database, name, shadow);
    return found;
  });
  const moved = database.prepare('SELECT 1 FROM _tr_offsets WHERE sink = ?').get(shadowId) !== undefined;
  if (moved) {
    database.prepare('DELETE FROM _tr_offsets WHERE sink = ?').run(id);
    database.prepare('UPDATE _tr_offsets SET sink = ?, generation = ? WHERE sink = ?').run(id, generation, shadowId);
  }
  return notes;
}

/** The old table keeps its rows under another name; its indexes go to the new one. */
function replaceTable(database: DatabaseSync, name: string, shadow: string): string[] {
  const own = database
    .prepare(
      `SELECT type, name, sql FROM sqlite_schema WHERE tbl_name = ? AND type IN ('index', 'trigger') AND sql IS NOT NULL`,
    )
    .all(name) as { type: string; name: string; sql: string }[];
  const isThere = database.prepare(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?`).get(name);
  const notes: string[] = [];
  if (isThere !== undefined) {
    for (const { type, name: item } of own) database.exec(`DROP ${type} ${quote(item)}`);
    database.exec(`DROP TABLE IF EXISTS ${quote(name + OLD)}`);
    database.exec(`ALTER TABLE ${quote(name)} RENAME TO ${quote(name + OLD)}`);
    notes.push(`the old rows of ${name} are kept in ${name}${OLD}`);
  }
  database.exec(`ALTER TABLE ${quote(shadow)} RENAME TO ${quote(name)}`);
  for (const { type, name: item, sql } of own) {
    try {
      database.exec(sql);
    } catch {
      notes.push(`${type} ${item} of ${name} does not fit the new table and is gone`);
    }
  }
  return notes;
}

/** Floors and remembered deletes. */
function takeService(database: DatabaseSync, name: string, shadow: string): void {
  for (const table of ['_tr_floor', '_tr_deleted']) {
    database.prepare(`DELETE FROM ${table} WHERE table_name = ?`).run(name);
    database.prepare(`UPDATE ${table} SET table_name = ? WHERE table_name = ?`).run(name, shadow);
  }
}

function dropTables(database: DatabaseSync, { tag, shadowId }: Shadow): void {
  const isOurs = database.prepare(
    `SELECT count(*) AS n FROM sqlite_schema WHERE name IN ('_tr_offsets', '_tr_floor', '_tr_deleted')`,
  );
  if (Number(isOurs.get()?.n) < 3) return;
  for (const shadow of shadows(database, tag)) {
    database.exec(`DROP TABLE ${quote(shadow)}`);
    for (const table of ['_tr_floor', '_tr_deleted'])
      database.prepare(`DELETE FROM ${table} WHERE table_name = ?`).run(shadow);
  }
  database.prepare('DELETE FROM _tr_offsets WHERE sink = ?').run(shadowId);
}
