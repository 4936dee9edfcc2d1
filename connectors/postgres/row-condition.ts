/** Which rows of a table are read once more, as an SQL condition. */
import { type SnapshotCommand, TailraceError } from '../../src/sdk/index.ts';
import type { SqlSession } from './connections.ts';
import type { KeyOrder } from './key-order.ts';
import { type CapturedTable, fromTable } from './publication.ts';
import type { Key } from './snapshot-state.ts';

/** Null: all. */
export type RowsWanted = Extract<SnapshotCommand, { tables: unknown }>['rows'] | null;

/** Throws `source.not_ready` for a condition that the server does not take for this table, or keys that are none of it. */
export async function conditionOf(
  rows: RowsWanted,
  table: CapturedTable,
  order: KeyOrder,
  sql: SqlSession,
): Promise<string | null> {
  if (rows === null || rows === undefined) return null;
  const where = 'keys' in rows ? amongTexts(rows.keys, table, order) : rows.where;
  // What we made ourselves is quoted.
  if (!('keys' in rows) && !isOneExpression(where))
    throw wrong(table, 'has a comment, a semicolon, or parentheses or quotes without their end');
  // As a statement with parameters, of which the server takes only one at a time.
  const tried = `SELECT FROM ${fromTable(table)} WHERE (${where}\n) AND $1::bool LIMIT 0`;
  await sql.rows(tried, [true]).catch((error: { cause?: { code?: string } }) => {
    const code = error.cause?.code;
    throw code === undefined ? error : wrong(table, `is refused by the server (SQLSTATE ${code})`);
  });
  return where;
}

/** Keys that become deletes where there is no row. */
export function absentKeys(rows: RowsWanted, order: KeyOrder): Key[] {
  if (rows === null || rows === undefined || !('keys' in rows) || rows.absent === undefined) return [];
  return rows.keys.map((key) => encoded(key, order));
}

/** The log has bytes in base64, the server reads and writes them in hexadecimal. */
function encoded(key: readonly string[], { natives }: KeyOrder): Key {
  const texts = key.map((text, i) =>
    natives[i] === 'bytea' ? `\\x${Buffer.from(text, 'base64').toString('hex')}` : text,
  );
  return texts.map((text) => Buffer.from(text).toString('base64'));
}

function amongTexts(keys: readonly (readonly string[])[], table: CapturedTable, order: KeyOrder): string {
  const odd = keys.some((key) => key.length !== order.names.length);
  if (odd) throw wrong(table, `needs a text for each of ${order.names.join(', ')}`);
  return order.among(keys.map((key) => encoded(key, order)));
}

function wrong({ label }: CapturedTable, what: string): TailraceError {
  return new TailraceError('source.not_ready', `the condition for ${label} ${what}`, {
    remedy: 'write what would stand behind WHERE, with columns of this table only',
  });
}

/** Quoted text and names, dollar quotes, comments, and single characters. */
const TOKEN = /'(?:[^'\\]|'')*'|"(?:[^"]|"")*"|--|\/\*|[\s\S]/g;

/** Nothing in it ends the parentheses that are put around it. */
function isOneExpression(where: string): boolean {
  let depth = 0;
  for (const [token] of where.matchAll(TOKEN)) {
    // Backslashes and dollars make texts whose end depends on settings of the server.
    if (['--', '/*', ';', '$', '\\', "'", '"', '\0'].includes(token)) return false;
    if (token === '(') depth++;
    else if (token === ')' && --depth < 0) return false;
  }
  return depth === 0 && where.trim() !== '';
}
