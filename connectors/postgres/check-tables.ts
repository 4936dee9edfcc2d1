/** Pre-flight of the captured tables: there, readable, and such that the stream tells their rows apart. */
import type { Finding } from '../../src/sdk/index.ts';
import { catalogTable, type Rows } from './catalog.ts';
import type { SqlSession } from './connections.ts';
import { databaseTables, quoteName, quoteTable, type SourceOptions, tableName } from './names.ts';
import type { CapturedTable } from './publication.ts';
import { withoutKey } from './publication-problems.ts';
import { messagesProblem, unfitness } from './set-up.ts';

/** `tables`: those that can be captured, whatever else is found of them. */
export async function tableFindings(
  options: SourceOptions,
  sql: SqlSession,
  user: string,
): Promise<{ readonly tables: readonly CapturedTable[]; readonly findings: readonly Finding[] }> {
  const rows: Rows = (text, values) => sql.rows(text, values);
  const findings: Finding[] = [];
  const tables: CapturedTable[] = [];
  const messages = await messagesProblem(options, rows);
  if (messages !== null) findings.push({ level: 'problem', ...messages, path: ['messages', 'table'] });
  for (const label of databaseTables(options)) {
    const index = options.tables.indexOf(label);
    const found = (level: 'problem' | 'warning', message: string, remedy: string) =>
      findings.push({ level, message, remedy, path: ['tables', index] });
    const name = tableName(label);
    const catalog = await catalogTable(rows, name);
    if (catalog === undefined) {
      found('problem', `the table ${label} does not exist`, await nearTables(sql, name.table));
      continue;
    }
    const table = { ...name, catalog };
    const unfit = unfitness(table);
    if (unfit !== null) {
      found('problem', unfit.message, unfit.remedy);
      continue;
    }
    tables.push(table);
    const keyless = withoutKey(table);
    if (keyless !== null) found('problem', keyless.message, keyless.remedy ?? '');
    const unreadable = await unreadability(sql, table, user);
    if (unreadable !== null) found('problem', unreadable.message, unreadable.remedy);
    if (catalog.relkind === 'p') {
      const message = `TRUNCATE, DETACH or DROP of a single partition of ${label} is not in the stream`;
      found('warning', message, 'delete the rows first, or truncate the whole table');
    }
  }
  return { tables, findings };
}

async function unreadability(
  sql: SqlSession,
  table: CapturedTable,
  user: string,
): Promise<{ readonly message: string; readonly remedy: string } | null> {
  const [row] = await sql.rows<{ privileged: boolean; policed: boolean }>(
    `SELECT (has_table_privilege($1::int8::oid, 'SELECT') OR NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = $1::int8::oid
         AND attnum > 0 AND NOT attisdropped AND NOT has_column_privilege($1::int8::oid, attnum, 'SELECT')))
       AND has_schema_privilege($2, 'USAGE') AS privileged, row_security_active($1::int8::oid) AS policed`,
    [table.catalog.oid, table.schema],
  );
  if (row?.privileged !== true) {
    const grants = [
      `GRANT USAGE ON SCHEMA ${quoteName(table.schema)} TO ${user};`,
      `GRANT SELECT ON ${quoteTable(table)} TO ${user};`,
    ];
    return { message: `${user} may not read ${table.label}`, remedy: grants.join(' ') };
  }
  if (!row.policed) return null;
  return {
    message: `row-level security hides rows of ${table.label} from ${user}`,
    remedy: `ALTER ROLE ${user} BYPASSRLS;`,
  };
}

async function nearTables(sql: SqlSession, table: string): Promise<string> {
  const found = await sql.rows<{ label: string }>(
    `SELECT n.nspname || '.' || c.relname AS label FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND lower(c.relname) = lower($1) AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1 LIMIT 3`,
    [table],
  );
  const names = found.map(({ label }) => label).join(' or ');
  return names === '' ? 'correct it under `tables:`, or create the table' : `did you mean ${names}?`;
}
