/** Pre-flight of the captured tables: there, readable, and such that the binary log tells all of their changes. */
import type { Finding } from '../../src/sdk/index.ts';
import { type CatalogTable, catalogTable } from './catalog.ts';
import { isConvertible } from './charsets.ts';
import { kindOf } from './columns.ts';
import type { SqlSession } from './connections.ts';
import { quoteName, quoteTable, type SourceOptions, type TableName, tableName } from './names.ts';
import type { ServerFacts } from './server.ts';
import type { Problem } from './server-check.ts';

/** Of several bytes a character that are not converted. */
const LONG_CHARSETS: Readonly<Record<string, number>> = { ujis: 3, eucjpms: 3, gb18030: 4 };
/** The first whose statements write the rows that foreign keys change (they were the engine's, and not logged). */
const LOGGED_CASCADES = 906;
/** The first MariaDB whose updates and deletes leave virtual columns out of their rows, whatever binlog_row_image is. */
const WITHOUT_VIRTUAL = 1108;

/** Why a table cannot be captured; empty when it can. */
export function tableProblems(table: TableName, catalog: CatalogTable, { flavor }: ServerFacts): Problem[] {
  const { label } = table;
  const found: Problem[] = [];
  if (catalog.type === 'SYSTEM VERSIONED') {
    const remedy = 'take it out of `tables:`: the history that the server keeps beside its rows is not captured';
    found.push({ message: `${label} is system-versioned, which is not supported`, remedy });
  } else if (catalog.type !== 'BASE TABLE') {
    found.push({
      message: `${label} is no table: its changes are not in the binary log`,
      remedy: 'name the table behind it',
    });
  } else if (catalog.engine !== 'InnoDB') {
    const remedy = `ALTER TABLE ${quoteTable(table)} ENGINE = InnoDB;`;
    found.push({ message: `${label} is of the engine ${catalog.engine}, which has no consistent snapshots`, remedy });
  }
  if (catalog.primaryKey.length === 0) {
    const remedy = `ALTER TABLE ${quoteTable(table)} ADD PRIMARY KEY (…);`;
    found.push({ message: `${label} has no primary key: its rows cannot be told apart`, remedy });
  }
  for (const column of catalog.columns) {
    const { name, base, charset, declared } = column;
    const where = `${label}.${name}`;
    const remedy = `take ${label} out of \`tables:\`, or give ${where} another type`;
    if (kindOf(column) === undefined || UNREAD.has(base) || /mariadb-5\.3|compressed/i.test(declared)) {
      found.push({ message: `${where} has the type ${declared}, which cannot be read from the binary log`, remedy });
    } else if (!isConvertible(charset, LONG_CHARSETS[charset] ?? 1)) {
      found.push({ message: `${where} has the character set ${charset}, which cannot be read`, remedy });
    } else if (flavor === 'mariadb' && base === 'vector') {
      found.push({ message: `${where} has the type ${declared}, which cannot be read from the binary log`, remedy });
    }
  }
  return found;
}

/** MariaDB stores them in ways of its own. */
const UNREAD: ReadonlySet<string> = new Set(['uuid', 'inet4', 'inet6']);

export async function tableFindings(
  { tables, config }: SourceOptions,
  sql: SqlSession,
  facts: ServerFacts,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const [index, label] of tables.entries()) {
    const found = (level: 'problem' | 'warning', { message, remedy }: Problem) =>
      findings.push({ level, message, remedy, path: ['tables', index] });
    const name = tableName(label);
    const catalog = await catalogTable((text, values) => sql.rows(text, values), name, facts.flavor);
    if (catalog === undefined) {
      const remedy = await nearTables(sql, name);
      found('problem', { message: `the table ${label} does not exist, or may not be read`, remedy });
      continue;
    }
    for (const problem of tableProblems(name, catalog, facts)) found('problem', problem);
    for (const problem of await unreadable(sql, name, facts)) found('problem', problem);
    for (const problem of await virtualColumns(sql, name, facts)) found('problem', problem);
    const level = config.unlogged_cascades === 'ignore' ? 'warning' : 'problem';
    for (const finding of await unloggedCascades(sql, name, facts)) found(level, finding);
  }
  return findings;
}

/** Tried: information about grants has many forms. */
async function unreadable(sql: SqlSession, table: TableName, facts: ServerFacts): Promise<Problem[]> {
  try {
    await sql.rows(`SELECT * FROM ${quoteTable(table)} LIMIT 0`);
    return [];
  } catch {
    // Numbered transactions need no lock.
    const grants = facts.gtids ? 'SELECT' : 'SELECT, LOCK TABLES';
    const remedy = `GRANT ${grants} ON ${quoteName(table.schema)}.* TO ${await userOf(sql)};`;
    return [{ message: `${table.label} may not be read`, remedy }];
  }
}

/** `'user'@'host'` of the grants that hold. */
export async function userOf(sql: SqlSession): Promise<string> {
  const [row] = await sql.rows<{ user: string }>('SELECT CURRENT_USER() AS user');
  const at = row!.user.lastIndexOf('@');
  return `'${row!.user.slice(0, at)}'@'${row!.user.slice(at + 1)}'`;
}

/**
 * Invariant 5: rows that a foreign key deletes or changes are not in the binary log, unless the server does so in statements
 * of its own.
 */
export async function unloggedCascades(
  sql: SqlSession,
  { schema, table, label }: TableName,
  facts: ServerFacts,
): Promise<Problem[]> {
  const { flavor, release, variables } = facts;
  if (flavor === 'mysql' && release >= LOGGED_CASCADES && variables.get('innodb_native_foreign_keys') !== 'ON')
    return [];
  const rows = await sql.rows<{ name: string }>(
    `SELECT constraint_name AS name FROM information_schema.referential_constraints
     WHERE constraint_schema = ? AND table_name = ?
       AND (delete_rule IN ('CASCADE', 'SET NULL') OR update_rule IN ('CASCADE', 'SET NULL'))`,
    [schema, table],
  );
  return rows.map(({ name }) => ({
    message: `rows of ${label} that the foreign key ${name} deletes or changes are not in the binary log`,
    remedy:
      'delete and change them with statements of their own, and make the foreign key RESTRICT; or set ' +
      '`unlogged_cascades: ignore` on the source, and do without those changes',
  }));
}

/** Invariant 5: the event would be a gap. */
async function virtualColumns(
  sql: SqlSession,
  { schema, table, label }: TableName,
  { flavor, release }: ServerFacts,
): Promise<Problem[]> {
  if (flavor === 'mysql' || release < WITHOUT_VIRTUAL) return [];
  const rows = await sql.rows<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns
     WHERE table_schema = ? AND table_name = ? AND extra LIKE '%VIRTUAL GENERATED%'`,
    [schema, table],
  );
  return rows.map(({ name }) => ({
    message: `${label}.${name} is a virtual column, which this server leaves out of the rows of updates and deletes`,
    remedy: `make ${name} STORED, or drop it: it can be computed where ${label} goes to`,
  }));
}

async function nearTables(sql: SqlSession, { table }: TableName): Promise<string> {
  const found = await sql.rows<{ label: string }>(
    `SELECT CONCAT(table_schema, '.', table_name) AS label FROM information_schema.tables
     WHERE LOWER(table_name) = LOWER(?) AND table_schema NOT IN ('mysql', 'sys', 'performance_schema') ORDER BY 1 LIMIT 3`,
    [table],
  );
  const names = found.map(({ label }) => label).join(' or ');
  return names === ''
    ? 'correct it under `tables:`, create the table, or grant SELECT on it'
    : `did you mean ${names}?`;
}
