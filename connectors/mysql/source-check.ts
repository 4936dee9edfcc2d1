/** Pre-flight of the source: what is missing, each with the exact SQL. Changes nothing. */
import type { Finding, TableDescription } from '../../src/sdk/index.ts';
import { catalogTable } from './catalog.ts';
import { tableFindings, userOf } from './check-tables.ts';
import { describe } from './columns.ts';
import { SqlSession } from './connections.ts';
import { type SourceOptions, tableName } from './names.ts';
import { logFiles, type ServerFacts, serverFacts, statusSql } from './server.ts';
import { retentionSeconds, serverProblems, unloggedProblems } from './server-check.ts';
import { safeSql, unsafeSettings } from './server-crash.ts';
import { asSourceError, placeOf } from './source-errors.ts';

const DAY_SECONDS = 86_400;
const HOUR_SECONDS = 3_600;

export async function checkSource(options: SourceOptions): Promise<readonly Finding[]> {
  const sql = new SqlSession(options.config.url);
  try {
    const facts = await serverFacts(sql);
    const findings: Finding[] = serverProblems(facts).map(({ message, remedy }) => problem(message, remedy, 'url'));
    findings.push(...(await privileges(sql, facts, options.tables)));
    const kept = retentionSeconds(facts);
    if (kept !== null && kept < DAY_SECONDS) {
      const hours = Math.round((kept / HOUR_SECONDS) * 10) / 10;
      const message = `binary logs are removed after ${hours} hours: if Tailrace is down for longer, changes are lost`;
      const set = facts.flavor === 'mysql' ? 'SET PERSIST' : 'SET GLOBAL';
      findings.push({
        level: 'warning',
        message,
        remedy: `${set} binlog_expire_logs_seconds = 604800;`,
        path: ['url'],
      });
    }
    findings.push(...crashFindings(facts));
    findings.push(...metadataFindings(facts));
    findings.push(...(await tableFindings(options, sql, facts)));
    const name = facts.flavor === 'mysql' ? 'MySQL' : 'MariaDB';
    const ok = `${name} ${facts.version} at ${placeOf(options.config.url)}, user ${await userOf(sql)}`;
    return [{ level: 'ok', message: ok, path: ['url'] }, ...findings];
  } catch (error) {
    const { code, message, remedy } = asSourceError(error, options.config.url);
    return [{ ...problem(message, remedy ?? 'try again when the server answers', 'url'), code }];
  } finally {
    await sql.close();
  }
}

/** The tables as the stream will describe them. */
export async function describeSource(options: SourceOptions): Promise<readonly TableDescription[]> {
  const sql = new SqlSession(options.config.url);
  try {
    const { flavor } = await serverFacts(sql);
    const found: TableDescription[] = [];
    for (const label of options.tables) {
      const name = tableName(label);
      const table = await catalogTable((text, values) => sql.rows(text, values), name, flavor);
      if (table !== undefined) found.push(describe(options.name, name, table.columns, table.primaryKey));
    }
    return found;
  } finally {
    await sql.close();
  }
}

function metadataFindings({ flavor, variables }: ServerFacts): Finding[] {
  if (variables.get('binlog_row_metadata') !== 'MINIMAL') return [];
  const set = flavor === 'mysql' ? 'SET PERSIST' : 'SET GLOBAL';
  const message =
    'binlog_row_metadata is MINIMAL: columns are known from the statements that change them; one that is not understood is a gap';
  return [{ level: 'warning', message, remedy: `${set} binlog_row_metadata = FULL;`, path: ['url'] }];
}

function crashFindings(facts: ServerFacts): Finding[] {
  return unsafeSettings(facts).map(([name, value]) => ({
    level: 'warning' as const,
    message: `${name} is ${value}: if the server’s machine crashes, tables and binary log may differ, and the source stops with a gap`,
    remedy: safeSql(facts, [name]),
    path: ['url'],
  }));
}

function problem(message: string, remedy: string, key: string): Finding {
  return { level: 'problem', message, remedy, path: [key] };
}

/** What the reading needs, of the server as a whole. MariaDB's names are those since 10.5. */
const PRIVILEGES = {
  mysql: ['REPLICATION SLAVE', 'REPLICATION CLIENT'],
  mariadb: ['REPLICATION SLAVE', 'BINLOG MONITOR'],
} as const;

async function privileges(sql: SqlSession, facts: ServerFacts, tables: readonly string[]): Promise<Finding[]> {
  const user = await userOf(sql);
  const [replication, monitor] = PRIVILEGES[facts.flavor];
  const found: Finding[] = [];
  const grants = await sql.rows('SHOW GRANTS FOR CURRENT_USER()');
  const text = grants.flatMap((row) => Object.values(row)).join('\n');
  if (
    !new RegExp(`GRANT [^\\n]*(\\b${replication}\\b|REPLICATION REPLICA\\b|ALL PRIVILEGES ON \\*\\.\\*)`).test(text)
  ) {
    const message = `${user} may not read the binary log`;
    found.push({ ...problem(message, `GRANT ${replication} ON *.* TO ${user};`, 'url'), level: 'warning' });
  }
  try {
    await sql.rows(statusSql(facts));
    await logFiles(sql);
    const schemas = tables.map((label) => tableName(label).schema);
    for (const { message, remedy } of await unloggedProblems(sql, facts, schemas))
      found.push(problem(message, remedy, 'url'));
  } catch {
    const message = `${user} may not ask where the binary log ends`;
    found.push(problem(message, `GRANT ${monitor} ON *.* TO ${user};`, 'url'));
  }
  return found;
}
