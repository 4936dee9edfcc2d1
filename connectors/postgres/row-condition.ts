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
  if (!isOneExpression(where))
    throw wrong(table, 'has a comment, a semicolon, or parentheses or quotes without their end');
  // As a statement with parameters, of which the server takes only one at a time.
  const tried = `SELECT FROM ${fromTable(table)} WHERE (${where}\n) AND $1::bool LIMIT 0`;
  await sql.rows(tried, [true]).catch((error: { cause?: { code?: string } }) => {
    const code = error.cause?.code;
    throw code === undefined ? error : wrong(table, `is refused by the server (SQLSTATE ${code})`);
  });
  return where;
}

/**
 * Keys that become deletes where there is no row. Throws `source.not_ready` for a key whose texts in the log are
 * not those of the server.
 */
export function absentKeys(rows: RowsWanted, table: CapturedTable, order: KeyOrder): Key[] {
  if (rows === null || rows === undefined || !('keys' in rows) || rows.absent === undefined) return [];
  if (order.natives.includes('bytea')) {
    throw new TailraceError(
      'source.not_ready',
      `rows of ${table.label} cannot be deleted by their key, which is binary`,
      {
        remedy: 'delete them in the target, or read the whole table again',
      },
    );
  }
  return rows.keys.map(encoded);
}

const encoded = (key: readonly string[]): Key => key.map((text) => Buffer.from(text).toString('base64'));

function amongTexts(keys: readonly (readonly string[])[], table: CapturedTable, order: KeyOrder): string {
  const odd = keys.some((key) => key.length !== order.names.length);
  if (odd) throw wrong(table, `needs a text for each of ${order.names.join(', ')}`);
  return order.among(keys.map(encoded));
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
