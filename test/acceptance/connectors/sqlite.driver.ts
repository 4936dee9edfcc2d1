/** SQLite for the acceptance kit: a file in a directory of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Kind, TableSchema } from '../../../src/contracts/schema.ts';
import type { SinkDriver, TargetRow } from '../../../src/testkit/index.ts';

const OWN = /^_tr_/;

export const driver: SinkDriver = {
  module: null,
  wrongHost: async ({ settings }) => ({ ...settings, path: '/dev/null/below/x.db' }),
  notApplicable: {
    'check/credential': 'a file has none',
    'check/permission': 'a path that may not be written is told as one that cannot be there',
    'failure/unreachable': 'a disk does not go away; full ones and locked databases are tried elsewhere',
    'failure/poison': 'columns of text take any text',
  },
  async target() {
    const dir = await mkdtemp(join(tmpdir(), 'tailrace-kit-'));
    const path = join(dir, 'target.db');
    return {
      settings: { path },
      rows: async (table) => rowsOf(path, table),
      remove: () => rm(dir, { recursive: true, force: true }),
    };
  },
};

function rowsOf(path: string, { table, columns: described }: TableSchema): readonly TargetRow[] {
  using database = new DatabaseSync(path);
  const name = `"${table.replaceAll('"', '""')}"`;
  const columns = database.prepare('SELECT name FROM pragma_table_info(?)').all(table);
  const names = columns.map((column) => String(column.name)).filter((column) => !OWN.test(column));
  if (names.length === 0) return [];
  const quoted = names.map((column) => `"${column.replaceAll('"', '""')}"`);
  const statement = database.prepare(`SELECT ${quoted.join(', ')} FROM ${name}`);
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  const kinds = new Map(described.map((column) => [column.name, column.kind]));
  const rows = statement.all() as unknown as unknown[][];
  return rows.map((row) => ({
    values: Object.fromEntries(names.map((column, i) => [column, textOf(row[i], kinds.get(column))])),
  }));
}

function textOf(value: unknown, kind: Kind | undefined): string | null {
  if (value === null) return null;
  if (kind === 'bool') return value === 1n ? 'true' : 'false';
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : String(value);
}
