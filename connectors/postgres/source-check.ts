/** Pre-flight of the source: what is missing, each with the exact SQL. Changes nothing. */
import type { Finding, TableDescription } from '../../src/sdk/index.ts';
import { catalogTable, type Rows } from './catalog.ts';
import { SqlSession } from './connections.ts';
import { describeTable } from './descriptions.ts';
import { publicationOf, quoteName, quoteTable, type SourceOptions, slotOf, tableName } from './names.ts';
import { type CapturedTable, createPublicationSql, unpublished, withoutKey } from './publication.ts';
import { placeOf } from './sink-errors.ts';
import { findSlot } from './slot.ts';
import { asSourceError } from './source-errors.ts';

const OLDEST_VERSION = 140_000;

interface Facts {
  readonly version: number;
  readonly version_text: string;
  readonly user: string;
  readonly database: string;
  readonly wal_level: string;
  readonly standby: boolean;
  readonly replication: boolean;
  readonly superuser: boolean;
  readonly may_create: boolean;
  readonly slots: number;
  readonly max_slots: number;
  readonly senders: number;
  readonly max_senders: number;
}

const FACTS_SQL = `
  SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS version_text,
    quote_ident(current_user) AS user, quote_ident(current_database()) AS database,
    current_setting('wal_level') AS wal_level, pg_is_in_recovery() AS standby,
    r.rolreplication OR r.rolsuper OR pg_has_role(current_user, 'rds_replication', 'MEMBER') IS TRUE AS replication,
    r.rolsuper AS superuser, has_database_privilege(current_database(), 'CREATE') AS may_create,
    (SELECT count(*)::int FROM pg_replication_slots) AS slots, current_setting('max_replication_slots')::int AS max_slots,
    (SELECT count(*)::int FROM pg_stat_replication) AS senders, current_setting('max_wal_senders')::int AS max_senders
  FROM pg_roles r WHERE r.rolname = current_user`;

/** `pg_has_role` of a role that does not exist is an error, so it is asked only where it does. */
const FACTS_WITHOUT_MANAGED_SQL = FACTS_SQL.replace(
  " OR pg_has_role(current_user, 'rds_replication', 'MEMBER') IS TRUE",
  '',
);

export async function checkSource(options: SourceOptions): Promise<readonly Finding[]> {
  const sql = new SqlSession(options);
  try {
    const [managed] = await sql.rows(`SELECT 1 FROM pg_roles WHERE rolname = 'rds_replication'`);
    const [facts] = await sql.rows<Facts>(managed === undefined ? FACTS_WITHOUT_MANAGED_SQL : FACTS_SQL);
    const findings = serverFindings(facts!, managed !== undefined);
    const slot = await findSlot(sql, slotOf(options));
    if (slot === undefined) findings.push(...headroom(facts!));
    else if (!slot.ours) {
      findings.push(
        problem(`the replication slot ${slotOf(options)} belongs to something else`, 'set another `slot`', 'slot'),
      );
    } else if (slot.status === 'lost') {
      findings.push(problem('the replication slot was invalidated', 'set `on_gap: resnapshot` on the source', 'url'));
    }
    const { tables, findings: found } = await tableFindings(options, sql, facts!.user);
    findings.push(...found, ...(await publicationFindings(options, sql, facts!, tables)));
    const ok = `PostgreSQL ${facts!.version_text} at ${placeOf(options.config.url)}, role ${facts!.user}`;
    return [{ level: 'ok', message: ok, path: ['url'] }, ...findings];
  } catch (error) {
    const { message, remedy } = asSourceError(error, options.config.url);
    return [problem(message, remedy ?? 'try again when the server answers', 'url')];
  } finally {
    await sql.close();
  }
}

/** The tables as the stream will describe them. */
export async function describeSource(options: SourceOptions): Promise<readonly TableDescription[]> {
  const sql = new SqlSession(options);
  const rows: Rows = (text, values) => sql.rows(text, values);
  try {
    const found: TableDescription[] = [];
    for (const label of options.tables) {
      const described = await describeTable(rows, options.name, tableName(label));
      if (described !== undefined) found.push(described.description);
    }
    return found;
  } finally {
    await sql.close();
  }
}

function problem(message: string, remedy: string, key: string, index?: number): Finding {
  return { level: 'problem', message, remedy, path: index === undefined ? [key] : [key, index] };
}

function serverFindings(facts: Facts, managed: boolean): Finding[] {
  const found: Finding[] = [];
  if (facts.version < OLDEST_VERSION) {
    found.push(problem(`PostgreSQL ${facts.version_text} is older than 14`, 'upgrade the server', 'url'));
  }
  if (facts.wal_level !== 'logical') {
    const remedy = managed
      ? 'set rds.logical_replication = 1 in the parameter group, then reboot the instance'
      : 'ALTER SYSTEM SET wal_level = logical; then restart the server';
    found.push(problem(`wal_level is ${facts.wal_level}, changes cannot be decoded`, remedy, 'url'));
  }
  if (!facts.replication) {
    const remedy = managed ? `GRANT rds_replication TO ${facts.user};` : `ALTER ROLE ${facts.user} REPLICATION;`;
    found.push(problem(`${facts.user} may not use replication`, remedy, 'url'));
  }
  if (facts.standby) {
    found.push(problem('the server is a standby', 'name the primary in `url` of the source', 'url'));
  }
  return found;
}

function headroom({ slots, max_slots, senders, max_senders }: Facts): Finding[] {
  const found: Finding[] = [];
  if (slots >= max_slots) {
    const remedy = `ALTER SYSTEM SET max_replication_slots = ${max_slots + 5}; then restart the server, or drop a slot that nobody reads`;
    found.push(problem(`all ${max_slots} replication slots are used`, remedy, 'url'));
  }
  if (senders >= max_senders) {
    const remedy = `ALTER SYSTEM SET max_wal_senders = ${max_senders + 5}; then restart the server`;
    found.push(problem(`all ${max_senders} WAL senders are used`, remedy, 'url'));
  }
  return found;
}

async function tableFindings(options: SourceOptions, sql: SqlSession, user: string) {
  const rows: Rows = (text, values) => sql.rows(text, values);
  const findings: Finding[] = [];
  const tables: CapturedTable[] = [];
  for (const [index, label] of options.tables.entries()) {
    const name = tableName(label);
    const catalog = await catalogTable(rows, name);
    if (catalog === undefined) {
      findings.push(problem(`the table ${label} does not exist`, await nearTables(sql, name.table), 'tables', index));
      continue;
    }
    if (!['r', 'p'].includes(catalog.relkind)) {
      findings.push(
        problem(
          `${label} is not a table, nothing of it is in the write-ahead log`,
          'name the table behind it',
          'tables',
          index,
        ),
      );
      continue;
    }
    const table = { ...name, catalog };
    tables.push(table);
    const refusal = withoutKey(table);
    if (refusal !== null) findings.push(problem(refusal.message, refusal.remedy ?? '', 'tables', index));
    const [privilege] = await sql.rows<{ ok: boolean }>(
      `SELECT has_table_privilege($1::int8::oid, 'SELECT') AND has_schema_privilege($2, 'USAGE') AS ok`,
      [catalog.oid, name.schema],
    );
    if (privilege?.ok !== true) {
      const remedy = `GRANT USAGE ON SCHEMA ${quoteName(name.schema)} TO ${user}; GRANT SELECT ON ${quoteTable(name)} TO ${user};`;
      findings.push(problem(`${user} may not read ${label}`, remedy, 'tables', index));
    }
  }
  return { tables, findings };
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

async function publicationFindings(
  options: SourceOptions,
  sql: SqlSession,
  { user, superuser, may_create, database }: Facts,
  tables: readonly CapturedTable[],
): Promise<Finding[]> {
  const { name, managed } = publicationOf(options);
  const missing = await unpublished(sql, name, tables);
  if (missing.length === 0 || tables.length === 0) return [];
  const create = createPublicationSql(name, tables);
  if (!managed)
    return [problem(`the publication ${name} does not publish ${missing.join(', ')}`, create, 'publication')];
  if (superuser) return [];
  const owned = await sql.rows<{ ok: boolean }>(
    `SELECT bool_and(pg_has_role(c.relowner, 'USAGE')) AS ok FROM pg_class c WHERE c.oid = ANY($1::int8[]::oid[])`,
    [tables.map(({ catalog }) => catalog.oid)],
  );
  if (may_create && owned[0]?.ok === true) return [];
  const message = `${user} may not make the publication: it needs CREATE on ${database} and to own the tables`;
  return [problem(message, `as a superuser: ${create} then set \`publication: ${name}\` on the source`, 'url')];
}
