/** Which rows of a table are read once more, as an SQL condition. */
import { type SnapshotCommand, TailraceError } from '../../src/sdk/index.ts';
import type { SqlSession } from './connections.ts';
import type { KeyOrder } from './key-order.ts';
import { quoteTable, type TableName } from './names.ts';

/** Null: all. */
export type RowsWanted = Extract<SnapshotCommand, { tables: unknown }>['rows'] | null;

/** Throws `source.not_ready` for a condition that the server does not take for this table, or keys that are none of it. */
export async function conditionOf(
  rows: RowsWanted,
  table: TableName,
  order: KeyOrder,
  sql: SqlSession,
): Promise<string | null> {
  if (rows === null || rows === undefined) return null;
  const where = 'keys' in rows ? amongTexts(rows.keys, table, order) : rows.where;
  // What we made ourselves is quoted.
  if (!('keys' in rows) && !isOneExpression(where)) {
    throw wrong(table, 'has a comment, a semicolon, a backslash, or parentheses or quotes without their end');
  }
  await sql.rows(`SELECT 1 FROM ${quoteTable(table)} WHERE (${where}\n) LIMIT 0`).catch((error: TailraceError) => {
    const { errno } = (error.cause ?? {}) as { errno?: number };
    throw errno === undefined ? error : wrong(table, `is refused by the server (error ${errno})`);
  });
  return where;
}

/** Keys that become deletes where there is no row. */
export function absentKeys(rows: RowsWanted, table: TableName, order: KeyOrder): string[][] {
  if (rows === null || rows === undefined || !('keys' in rows) || rows.absent === undefined) return [];
  amongTexts(rows.keys, table, order);
  return rows.keys.map((key) => [...key]);
}

function amongTexts(keys: readonly (readonly string[])[], table: TableName, order: KeyOrder): string {
  const odd = keys.some((key) => key.length !== order.names.length);
  if (odd) throw wrong(table, `needs a text for each of ${order.names.join(', ')}`);
  return order.among(keys);
}

function wrong({ label }: TableName, what: string): TailraceError {
  return new TailraceError('source.not_ready', `the condition for ${label} ${what}`, {
    remedy: 'write what would stand behind WHERE, with columns of this table only',
  });
}

/** Quoted text and names, comments, and single characters. */
const TOKEN = /'(?:[^'\\]|'')*'|"(?:[^"\\]|"")*"|`(?:[^`]|``)*`|--|\/\*|[\s\S]/g;

/** Nothing in it ends the parentheses that are put around it. */
function isOneExpression(where: string): boolean {
  let depth = 0;
  for (const [token] of where.matchAll(TOKEN)) {
    if (['--', '/*', '#', ';', '\\', "'", '"', '`', '\0'].includes(token)) return false;
    if (token === '(') depth++;
    else if (token === ')' && --depth < 0) return false;
  }
  return depth === 0 && where.trim() !== '';
}
